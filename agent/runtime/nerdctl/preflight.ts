/** Checks what containers stand on: programs, their versions, cgroups. Changes nothing. */
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import type { Finding } from "../../../protocol/findings.ts";
import { canFilterWithinBridges, hasIpv6 } from "../../network/kernel.ts";
import { error, ok, warning } from "../../preflight/finding.ts";
import { findProgram, isAtLeast, isExecutable } from "../../preflight/programs.ts";
import { runProgram } from "../../run-program.ts";
import { readControllers } from "./cgroup-controllers.ts";
import { judgeCgroups } from "./cgroup-findings.ts";
import type { NerdctlCli } from "./cli.ts";
import { INIT_BINARY_DEFAULT, type NerdctlOptions } from "./options.ts";

/** Where nerdctl looks for network plugins: the first of these that is there (pkg/defaults/defaults_linux.go of nerdctl 2.3). */
const CNI_FOLDERS = [
  "/opt/cni/bin",
  "/usr/local/libexec/cni",
  "/usr/local/lib/cni",
  "/home/linuxbrew/.linuxbrew/opt/cni-plugins/bin",
  "/usr/libexec/cni",
  "/usr/lib/cni",
];
const CNI_PLUGINS = ["bridge", "host-local", "loopback", "macvlan"];
const NERDCTL_MIN = "2.0";
const CONTAINERD_MIN = "2.0";
const RUNC_MIN = "1.1";
const CONTAINERD_SOCKET_DEFAULT = "/run/containerd/containerd.sock";
const BUNDLE = "Install the nerdctl-full bundle of nerdctl's releases; the command that connects this node does it.";

const versionSchema = z.object({
  Client: z.object({ Version: z.string() }),
  Server: z.object({ Components: z.array(z.object({ Name: z.string(), Version: z.string() })) }).nullish(),
});

function judgeVersion(name: string, version: string, minimum: string): Finding {
  if (isAtLeast(version, minimum)) return ok(name, name, version);
  return error(name, name, `${name} ${version} is too old; ${minimum} or newer is needed.`, BUNDLE);
}

/** What a program prints, or null when it cannot be run. */
async function output(file: string, args: string[]): Promise<string | null> {
  const result = await runProgram(file, args, { deadlineMs: 5_000 }).catch(() => null);
  return result?.code === 0 ? (result.stdout || result.output).trim() : null;
}

async function checkRunc(reported: string | undefined): Promise<Finding> {
  const file = await findProgram("runc");
  const version =
    reported ?? (file ? /\d+\.\d+[^\s]*/.exec((await output(file, ["--version"])) ?? "")?.[0] : undefined);
  if (version) return judgeVersion("runc", version, RUNC_MIN);
  return error("runc", "runc", file ? "runc cannot be run." : "runc is not installed.", `Install runc, or: ${BUNDLE}`);
}

async function checkContainerd(version: string | undefined, address: string): Promise<Finding> {
  if (version !== undefined) return judgeVersion("containerd", version, CONTAINERD_MIN);
  const socket = await stat(address).catch(() => null);
  const why = socket ? `containerd does not answer on ${address}.` : `containerd does not run: there is no ${address}.`;
  const isInstalled = (await findProgram("containerd")) !== null;
  return error(
    "containerd",
    "containerd",
    why,
    isInstalled ? "Start it, and let it start with the machine; its own log says why it does not." : BUNDLE,
  );
}

/** nerdctl tells its own version even when containerd is away. */
async function checkVersions(cli: NerdctlCli, { binary, address }: NerdctlOptions): Promise<Finding[]> {
  const name = binary ?? "nerdctl";
  const socket = address ?? process.env.CONTAINERD_ADDRESS ?? CONTAINERD_SOCKET_DEFAULT;
  let version: z.infer<typeof versionSchema> | null = null;
  if (await findProgram(name)) {
    const { stdout } = await cli
      .call(["version", "--format", "{{json .}}"], { deadlineMs: 10_000 })
      .catch(() => ({ stdout: "" }));
    version = versionSchema.nullable().catch(null).parse(parseJson(stdout));
    if (!version)
      return [error("nerdctl", "nerdctl", `nerdctl (${name}) does not work.`, BUNDLE), await checkRunc(undefined)];
  }
  const server = (component: string) => version?.Server?.Components.find(({ Name }) => Name === component)?.Version;
  return [
    version
      ? judgeVersion("nerdctl", version.Client.Version, NERDCTL_MIN)
      : error("nerdctl", "nerdctl", "nerdctl is not installed.", BUNDLE),
    await checkContainerd(server("containerd"), socket),
    await checkRunc(server("runc")),
  ];
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

async function checkProgram(id: string, name: string, remedy: string): Promise<Finding> {
  const file = await findProgram(name);
  return file ? ok(id, name, file) : error(id, name, `${name} is not installed.`, remedy);
}

async function checkFirewallTool(): Promise<Finding> {
  const file = await findProgram("iptables");
  const remedy = "Install iptables: ports of games are opened with it.";
  if (!file) return error("iptables", "iptables", "iptables is not installed.", remedy);
  const version = await output(file, ["--version"]);
  return version
    ? ok("iptables", "iptables", version.split("\n")[0]!)
    : error("iptables", "iptables", "iptables cannot be run.", remedy);
}

async function checkCni(folder: string): Promise<Finding[]> {
  const present = await Promise.all(CNI_PLUGINS.map((plugin) => isExecutable(join(folder, plugin))));
  const missing = CNI_PLUGINS.filter((_plugin, i) => !present[i]);
  const [id, subject] = ["network-plugins", "Network plugins"];
  if (missing.length > 0) {
    const remedy = `Install containernetworking-plugins, or: ${BUNDLE}`;
    return [error(id, subject, `${folder} lacks ${missing.join(", ")}.`, remedy)];
  }
  return [ok(id, subject, folder), await checkIsolation()];
}

async function cniFolder(folders = CNI_FOLDERS): Promise<string> {
  for (const folder of folders) if (await stat(folder).catch(() => null)) return folder;
  return folders[0]!;
}

/** Servers are kept apart by rules of Catalyst's own; see `agent/network/`. */
async function checkIsolation(): Promise<Finding> {
  const [id, subject] = ["network-isolation", "Network isolation"];
  const programs = await Promise.all(["iptables-restore", "iptables-save"].map((name) => findProgram(name)));
  // Its absence is a finding of its own.
  if (programs.includes(null)) return error(id, subject, "Servers cannot be kept apart.", "Install iptables.");
  if ((await hasIpv6()) && (await output("ip6tables-save", [])) === null) {
    const remedy = "Install ip6tables, or load the kernel's ip6_tables; then restart the agent.";
    return warning(id, subject, "IPv6 cannot be filtered here: servers get none.", remedy);
  }
  if (!(await canFilterWithinBridges())) {
    const message = "The kernel lacks br_netfilter: servers of a pool that keeps them apart cannot start.";
    return warning(
      id,
      subject,
      message,
      "Install the kernel module br_netfilter, or let the pool's servers reach each other.",
    );
  }
  return ok(id, subject, "Servers of different owners are kept apart.");
}

export async function nerdctlPreflight(cli: NerdctlCli, options: NerdctlOptions): Promise<Finding[]> {
  const cniPath = options.cniPath ?? process.env.CNI_PATH ?? (await cniFolder());
  const groups = await Promise.all([
    process.getuid?.() === 0 ? [] : [error("user", "User", "The agent does not run as root.", "Run it as root.")],
    checkVersions(cli, options),
    checkCni(cniPath),
    checkFirewallTool(),
    checkProgram("tini", options.initBinary ?? INIT_BINARY_DEFAULT, "Install tini."),
    checkProgram("perl", "perl", "Install perl-base: the console logger needs it."),
    checkProgram("mkfifo", "mkfifo", "Install coreutils."),
    readFile("/proc/self/mountinfo", "utf8").then(readControllers).then(judgeCgroups),
  ]);
  return groups.flat();
}
