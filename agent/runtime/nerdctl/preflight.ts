/** Checks what containers stand on: programs, their versions, the kernel, the disk. Changes nothing. */
import { execFile } from "node:child_process";
import { access, constants, readFile, statfs } from "node:fs/promises";
import { delimiter, isAbsolute, join } from "node:path";
import { promisify } from "node:util";
import { z } from "zod";
import type { Finding } from "../container-runtime.ts";
import { parseCgroupMounts } from "./cgroup.ts";
import type { NerdctlCli } from "./cli.ts";
import { INIT_BINARY_DEFAULT, type NerdctlOptions } from "./options.ts";

const run = promisify(execFile);

const CNI_PATH_DEFAULT = "/opt/cni/bin";
const CNI_PLUGINS = ["bridge", "portmap", "firewall", "host-local", "loopback", "tuning"];
/** Older firewall plugins do not keep bridges apart from each other. */
const FIREWALL_MIN = "1.1";
const NERDCTL_MIN = "2.0";
const CONTAINERD_MIN = "2.0";
const RUNC_MIN = "1.1";
const DISK_FREE_MIN_BYTES = 2 * 1024 ** 3;
const BUNDLE = "Install the nerdctl-full bundle of nerdctl's releases.";

const ok = (subject: string, message: string): Finding => ({ level: "ok", subject, message, remedy: "" });
const error = (subject: string, message: string, remedy: string): Finding => ({
  level: "error",
  subject,
  message,
  remedy,
});
const warning = (subject: string, message: string, remedy: string): Finding => ({
  level: "warning",
  subject,
  message,
  remedy,
});

/** Whether a version such as `v2.3.5` or `1.1.5+ds1` is at least `minimum`. */
export function isAtLeast(version: string, minimum: string): boolean {
  const parts = (text: string) => (/\d+(?:\.\d+)*/.exec(text)?.[0] ?? "0").split(".").map(Number);
  const [have, want] = [parts(version), parts(minimum)];
  for (const [i, part] of want.entries()) {
    if ((have[i] ?? 0) !== part) return (have[i] ?? 0) > part;
  }
  return true;
}

const isExecutable = (file: string) =>
  access(file, constants.X_OK).then(
    () => true,
    () => false,
  );

async function findProgram(name: string): Promise<string | null> {
  if (isAbsolute(name)) return (await isExecutable(name)) ? name : null;
  const folders = `${process.env.PATH ?? ""}${delimiter}/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`;
  for (const folder of folders.split(delimiter)) {
    if (folder !== "" && (await isExecutable(join(folder, name)))) return join(folder, name);
  }
  return null;
}

const versionSchema = z.object({
  Client: z.object({ Version: z.string() }),
  Server: z.object({ Components: z.array(z.object({ Name: z.string(), Version: z.string() })) }).nullish(),
});

function checkVersion(subject: string, version: string | undefined, minimum: string): Finding {
  if (version === undefined) return error(subject, `${subject} does not answer.`, `Start it, or: ${BUNDLE}`);
  if (isAtLeast(version, minimum)) return ok(subject, version);
  return error(subject, `${subject} ${version} is too old; ${minimum} or newer is needed.`, BUNDLE);
}

async function checkVersions(cli: NerdctlCli): Promise<Finding[]> {
  try {
    const { stdout } = await cli.call(["version", "--format", "{{json .}}"], { deadlineMs: 10_000 });
    const version = versionSchema.parse(JSON.parse(stdout));
    const server = (name: string) => version.Server?.Components.find((component) => component.Name === name)?.Version;
    return [
      checkVersion("nerdctl", version.Client.Version, NERDCTL_MIN),
      checkVersion("containerd", server("containerd"), CONTAINERD_MIN),
      checkVersion("runc", server("runc"), RUNC_MIN),
    ];
  } catch {
    return [error("nerdctl", "nerdctl cannot be run.", BUNDLE)];
  }
}

async function checkProgram(name: string, remedy: string): Promise<Finding> {
  const file = await findProgram(name);
  return file ? ok(name, file) : error(name, `${name} is not installed.`, remedy);
}

async function checkCni(folder: string): Promise<Finding[]> {
  const present = await Promise.all(CNI_PLUGINS.map((plugin) => isExecutable(join(folder, plugin))));
  const missing = CNI_PLUGINS.filter((_plugin, i) => !present[i]);
  if (missing.length > 0) {
    return [
      error(
        "network plugins",
        `${folder} lacks ${missing.join(", ")}.`,
        `Install containernetworking-plugins, or: ${BUNDLE}`,
      ),
    ];
  }
  const findings = [ok("network plugins", folder)];
  try {
    const { stdout, stderr } = await run(join(folder, "firewall"), ["--version"], { timeout: 5_000 });
    const version = /v?(\d+\.\d+[.\w]*)/.exec(stdout + stderr)?.[1];
    if (version && isAtLeast(version, FIREWALL_MIN)) return findings;
  } catch {
    // Too old to know the question.
  }
  findings.push(
    warning(
      "network isolation",
      `The firewall plugin is older than ${FIREWALL_MIN}: servers of different networks can reach each other.`,
      BUNDLE,
    ),
  );
  return findings;
}

async function checkCgroups(): Promise<Finding> {
  const mounts = parseCgroupMounts(await readFile("/proc/self/mountinfo", "utf8"));
  const v1 = (controller: string) => mounts.some((mount) => mount.controllers.includes(controller));
  if (["memory", "cpu", "cpuacct", "pids"].every(v1)) return ok("cgroups", "version 1");
  const unified = mounts.find((mount) => mount.version === 2);
  const controllers = unified ? await readFile(join(unified.folder, "cgroup.controllers"), "utf8").catch(() => "") : "";
  const missing = ["memory", "cpu", "pids"].filter((controller) => !controllers.split(/\s+/).includes(controller));
  if (missing.length === 0) return ok("cgroups", "version 2");
  return error(
    "cgroups",
    `The kernel cannot limit ${missing.join(", ")}.`,
    "Enable these cgroup controllers and restart the machine.",
  );
}

async function checkDisk(folder: string): Promise<Finding> {
  const { bavail, bsize } = await statfs(folder);
  const freeBytes = bavail * bsize;
  const message = `${Math.floor(freeBytes / 1024 ** 3)} GiB free in ${folder}`;
  if (freeBytes >= DISK_FREE_MIN_BYTES) return ok("disk", message);
  return warning("disk", message, "Free some space: games need it, and a full disk stops them.");
}

export async function nerdctlPreflight(cli: NerdctlCli, options: NerdctlOptions): Promise<Finding[]> {
  const cniPath = options.cniPath ?? process.env.CNI_PATH ?? CNI_PATH_DEFAULT;
  const groups = await Promise.all([
    process.getuid?.() === 0 ? [] : [error("user", "The agent does not run as root.", "Run it as root.")],
    checkVersions(cli),
    checkCni(cniPath),
    checkProgram("iptables", "Install iptables."),
    checkProgram(options.initBinary ?? INIT_BINARY_DEFAULT, "Install tini."),
    checkProgram("perl", "Install perl-base: the console logger needs it."),
    checkProgram("mkfifo", "Install coreutils."),
    checkCgroups(),
    checkDisk(options.dataDir),
  ]);
  return groups.flat();
}
