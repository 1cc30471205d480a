/**
 * The node's health check: what games stand on, one finding each. It changes nothing, and whatever a check meets
 * becomes a finding: it is asked for when things are broken.
 */
import { setTimeout as delay } from "node:timers/promises";
import { FINDING_TEXT_MAX, FINDINGS_MAX, type Finding, type PreflightReply } from "../../protocol/findings.ts";
import { checkDiskLimits } from "../disk/capability.ts";
import type { Log } from "../log.ts";
import type { ContainerRuntime } from "../runtime/container-runtime.ts";
import { judgeClock } from "./clock.ts";
import { checkDataFolder } from "./data-folder.ts";
import { ok, warning } from "./finding.ts";
import { checkKernel } from "./kernel.ts";
import { checkMemory, readMachine } from "./machine.ts";
import { checkService } from "./service.ts";

/** A program that hangs, or a disk that does not answer, must not take the others' findings with it. */
const CHECK_DEADLINE_MS = 15_000;

export interface CheckContext {
  runtime: Pick<ContainerRuntime, "name" | "preflight">;
  dataDir: string;
  /** How far this machine's clock is ahead of the control plane's; null when that is not known. */
  clockSkewMs: number | null;
  log: Log;
}

type Check = (context: CheckContext) => Promise<Finding[]>;

/** A further check gets a line here. */
const CHECKS: Record<string, Check> = {
  runtime: ({ runtime }) => runtime.preflight(),
  "data-folder": ({ dataDir }) => checkDataFolder(dataDir),
  "disk-limits": ({ dataDir, runtime }) => checkDiskLimits(dataDir, runtime.name),
  clock: async ({ clockSkewMs }) => judgeClock(clockSkewMs),
  kernel: async ({ runtime }) => (runtime.name === "nerdctl" ? checkKernel() : []),
  memory: () => checkMemory(),
  service: () => checkService(process.env),
  node: async () => [ok("node", "Node.js", process.version)],
};

async function perform(name: string, check: Check, context: CheckContext): Promise<Finding[]> {
  const abort = new AbortController();
  const late = delay(CHECK_DEADLINE_MS, undefined, { signal: abort.signal, ref: false }).then(() => {
    throw new Error("no answer in time");
  });
  try {
    return await Promise.race([check(context), late]);
  } catch (failure) {
    context.log.warn({ err: failure, check: name }, "a health check could not be made");
    return [
      warning(
        `check-${name}`,
        `Check of ${name.replaceAll("-", " ")}`,
        "This could not be checked; the node's log says why.",
        "Look at the log of the agent: journalctl -u catalyst-agent",
      ),
    ];
  } finally {
    abort.abort();
    late.catch(() => {});
  }
}

/** Within what the protocol takes: a long path of this machine must not make the whole answer unreadable. */
function bounded(finding: Finding): Finding {
  const { message, remedy } = finding;
  return { ...finding, message: message.slice(0, FINDING_TEXT_MAX), remedy: remedy.slice(0, FINDING_TEXT_MAX) };
}

export async function preflight(context: CheckContext): Promise<PreflightReply> {
  const groups = await Promise.all(Object.entries(CHECKS).map(([name, check]) => perform(name, check, context)));
  return {
    findings: groups.flat().slice(0, FINDINGS_MAX).map(bounded),
    machine: await readMachine(context.dataDir),
  };
}
