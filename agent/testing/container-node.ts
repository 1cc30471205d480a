/**
 * A node whose agent runs in the test's own process on real containers: what it stands on (containerd, its folder, the
 * boot of the machine) can be broken under it.
 */
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Agent } from "../agent.ts";
import { configSchema } from "../config.ts";
import { unmountBelow } from "../disk/testing/disk-mounts.ts";
import { createLog } from "../log.ts";
import { chooseRuntime } from "../runtime/choose-runtime.ts";
import { containerName, LABEL } from "../runtime/nerdctl/options.ts";
import { ECHO_IMAGE } from "../runtime/nerdctl/testing/test-node.ts";
import type { ContainerdPlace } from "./containerd-place.ts";
import { FakeControlPlane } from "./fake-control-plane.ts";
import { removeNetworks } from "./remove-networks.ts";
import { serverSpec } from "./server-spec.ts";

export class ContainerNode {
  readonly plane: FakeControlPlane;
  readonly folder = mkdtempSync(join(tmpdir(), "catalyst-node-"));
  readonly dataDir = join(this.folder, "data");
  readonly #place: ContainerdPlace | undefined;
  #agent: Agent | null = null;

  private constructor(plane: FakeControlPlane, place: ContainerdPlace | undefined) {
    this.plane = plane;
    this.#place = place;
  }

  static async make(
    place?: ContainerdPlace,
    nodeId = `node-${randomBytes(6).toString("hex")}`,
  ): Promise<ContainerNode> {
    return new ContainerNode(await FakeControlPlane.start(nodeId), place);
  }

  /** Another agent on the same machine. */
  twin(plane: FakeControlPlane): ContainerNode {
    return new ContainerNode(plane, this.#place);
  }

  /** @param bootIdentity which boot of the machine this is. @param plane the panel, where it is another one by now. */
  async start({ bootIdentity = "boot-1", plane = this.plane } = {}): Promise<Agent> {
    const config = configSchema.parse({
      panel: { url: plane.url },
      agent: { data_dir: this.dataDir, runtime: "nerdctl", stats_port: 0 },
      nerdctl: this.#place ?? {},
    });
    const identity = { panelUrl: new URL(plane.url), nodeId: plane.nodeId, secret: plane.secret };
    const log = createLog("silent");
    const runtime = await chooseRuntime({ config, nodeId: plane.nodeId, bootIdentity, log });
    const agent = await Agent.open({ config, identity, runtime, bootIdentity, log });
    this.#agent = agent;
    await agent.start();
    await plane.connected();
    return agent;
  }

  async stop(): Promise<void> {
    await this.#agent?.stop();
    this.#agent = null;
  }

  /** What was kept of servers of another node. */
  keptFolders(): string[] {
    const folder = join(this.dataDir, "kept");
    return existsSync(folder) ? readdirSync(folder) : [];
  }

  /** A server with an id of its own, in the test image. */
  spec(change: Parameters<typeof serverSpec>[0] = {}) {
    const id = `s-${randomBytes(6).toString("hex")}`;
    const base = { id, image: ECHO_IMAGE, installImage: ECHO_IMAGE, networkMode: "bridge" as const, allocations: [] };
    return serverSpec({ ...base, desiredPower: "running", desiredPowerAt: 10, ...change });
  }

  nerdctl(...args: string[]): string {
    const place = this.#place;
    const globals = place
      ? `--address ${place.address} --data-root ${place.data_root} --cni-path ${place.cni_path} --cni-netconfpath ${place.cni_netconfpath}`
      : "";
    const words = ["--namespace", "catalyst", ...globals.split(" ").filter((word) => word !== ""), ...args];
    for (let attempt = 1; ; attempt++) {
      try {
        return execFileSync("nerdctl", words, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
      } catch (error) {
        // `ps` gives up when a container, be it another test's, is removed meanwhile.
        if (args[0] !== "ps" || attempt === 10) throw error;
      }
    }
  }

  /** Names of the containers that carry a server's label, running or not. */
  containersOf(serverId: string): string[] {
    const output = this.nerdctl("ps", "-a", "--filter", `label=${LABEL.server}=${serverId}`, "--format", "{{.Names}}");
    return output.split("\n").filter((name) => name !== "");
  }

  /** Id of the container that runs a server now, or null. */
  containerId(serverId: string): string | null {
    const ids = this.nerdctl("ps", "-q", "--no-trunc", "--filter", `label=${LABEL.server}=${serverId}`);
    return ids.trim() || null;
  }

  pid(serverId: string, name = containerName(serverId)): number {
    return Number(this.nerdctl("inspect", "--format", "{{.State.Pid}}", name));
  }

  /** Loses everything that the agent has on disk; disks that are in use live on where they are used. */
  loseData(): void {
    unmountBelow(this.dataDir);
    rmSync(this.dataDir, { recursive: true });
  }

  /** Removes what this node still has, and the folder. */
  async cleanUp(): Promise<void> {
    await this.#agent?.stop().catch(() => undefined);
    const ids = this.nerdctl("ps", "-aq", "--filter", `label=${LABEL.node}=${this.plane.nodeId}`);
    for (const id of ids.split("\n").filter((line) => line !== "")) this.nerdctl("rm", "-f", id);
    await removeNetworks(this.dataDir, this.#place);
    await this.plane.close();
    unmountBelow(this.folder);
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
  }
}
