/** A containerd of a test's own, that can be killed and started again without disturbing anybody else's. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ECHO_IMAGE } from "../runtime/nerdctl/testing/test-node.ts";
import type { ContainerdPlace } from "./containerd-place.ts";
import { waitUntil } from "./wait-until.ts";

const SCRIPT = join(import.meta.dirname, "../../tests/setup/containerd.sh");

function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    return "";
  }
}

export class PrivateContainerd {
  readonly folder = mkdtempSync(join(tmpdir(), "ctd-"));
  readonly place: ContainerdPlace;

  private constructor() {
    const exported = this.#run("start");
    const value = (name: string) => new RegExp(`^export ${name}=(.*)$`, "m").exec(exported)![1]!;
    this.place = {
      address: value("CONTAINERD_ADDRESS"),
      data_root: join(this.folder, "nerdctl"),
      cni_path: value("CNI_PATH"),
      cni_netconfpath: value("NETCONFPATH"),
    };
  }

  /** With the test image in it. */
  static start(): PrivateContainerd {
    const containerd = new PrivateContainerd();
    const image = join(containerd.folder, "image.tar");
    execFileSync("nerdctl", ["--namespace", "catalyst", "save", "--output", image, ECHO_IMAGE]);
    execFileSync("nerdctl", [...containerd.globals, "load", "--quiet", "--input", image], { stdio: "ignore" });
    return containerd;
  }

  /** nerdctl's arguments for this one. */
  get globals(): string[] {
    const { address, data_root, cni_path, cni_netconfpath } = this.place;
    const flags = { "--address": address, "--data-root": data_root, "--cni-path": cni_path };
    return [...Object.entries(flags).flat(), "--cni-netconfpath", cni_netconfpath, "--namespace", "catalyst"];
  }

  /** The environment that makes an agent's nerdctl use it. */
  get environment(): Record<string, string> {
    return { NERDCTL_TOML: join(this.folder, "nerdctl.toml"), CONTAINERD_ADDRESS: this.place.address };
  }

  get pid(): number {
    return Number(readFileSync(join(this.folder, "containerd.pid"), "utf8"));
  }

  get bridge(): string {
    return this.#network().bridge;
  }

  /** First three numbers of its addresses, with the last dot. */
  get subnet(): string {
    return this.#network().ipam.ranges[0]![0]!.subnet.replace(/[^.]+$/, "");
  }

  #network(): { bridge: string; ipam: { ranges: { subnet: string }[][] } } {
    return JSON.parse(readFileSync(join(this.folder, "netconf", "nerdctl-bridge.conflist"), "utf8")).plugins[0];
  }

  /** Ends the daemon alone, at once; containers go on. */
  async kill(): Promise<void> {
    const { pid } = this;
    process.kill(pid, "SIGKILL");
    await waitUntil("containerd to be gone", () => !commandLine(pid).startsWith("containerd"));
  }

  again(): void {
    this.#run("start");
  }

  /** As a power cut does it: daemon, shims and games end without a word, and what was in memory is gone. */
  async powerCut(): Promise<void> {
    await this.kill();
    const shims = this.shims();
    for (const { pid, children } of shims) {
      for (const each of [pid, ...children]) {
        try {
          process.kill(each, "SIGKILL");
        } catch {
          // Gone with its parent.
        }
      }
    }
    await waitUntil("the shims to be gone", () => this.shims().length === 0);
    const below = readFileSync("/proc/self/mountinfo", "utf8")
      .split("\n")
      .map((line) => line.split(" ")[4] ?? "")
      .filter((target) => target.startsWith(`${this.folder}/`));
    for (const target of below.reverse()) execFileSync("umount", ["-l", target]);
    // On a real machine this lies in /run.
    rmSync(join(this.folder, "state"), { recursive: true, force: true });
    const { bridge } = this;
    if (existsSync(`/sys/class/net/${bridge}`)) execFileSync("ip", ["link", "delete", bridge]);
  }

  stop(): void {
    this.#run("stop");
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
  }

  #run(action: string): string {
    const { CATALYST_CONTAINERD_DIR: _, ...environment } = process.env;
    return execFileSync(SCRIPT, [action, "--state", this.folder], { encoding: "utf8", env: environment });
  }

  shims(): { pid: number; children: number[] }[] {
    const pids = readdirSync("/proc").map(Number).filter(Boolean);
    return pids
      .filter((pid) => commandLine(pid).includes("containerd-shim") && commandLine(pid).includes(this.place.address))
      .map((pid) => ({ pid, children: pids.filter((child) => parentOf(child) === pid) }));
  }
}

function parentOf(pid: number): number {
  try {
    return Number(
      readFileSync(`/proc/${pid}/stat`, "utf8")
        .replace(/^.*\) /s, "")
        .split(" ")[1],
    );
  } catch {
    return 0;
  }
}
