/** What `nerdctl inspect` says of containers, as far as Catalyst needs it. */
import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";
import type { CallResult, NerdctlCli } from "./cli.ts";
import { isContainerMissing } from "./errors.ts";
import { LABEL } from "./options.ts";
import type { Ownership } from "./ownership.ts";

const inspectSchema = z.array(
  z.object({
    Id: z.string(),
    State: z.object({
      Status: z.string().default(""),
      Running: z.boolean().default(false),
      Paused: z.boolean().default(false),
      Pid: z.number().default(0),
      ExitCode: z.number().default(0),
      StartedAt: z.string().default(""),
      FinishedAt: z.string().default(""),
    }),
    Config: z.object({ Labels: z.record(z.string(), z.string()).nullish() }).nullish(),
  }),
);

export interface Container {
  id: string;
  serverId: string;
  runId: string;
  kind: "game" | "install";
  labels: Record<string, string>;
  /** Paused too. */
  isRunning: boolean;
  isPaused: boolean;
  /** Of the container's first process; 0 when not running. */
  pid: number;
  /** Null while running, and when containerd lost it. */
  exitCode: number | null;
  startedAt: number | null;
  finishedAt: number | null;
}

/** Year 1 stands for "never" in Go. */
function epochMs(text: string): number | null {
  const ms = Date.parse(text);
  return Number.isNaN(ms) || ms <= 0 ? null : ms;
}

export function parseContainers(json: string): Container[] {
  return inspectSchema.parse(JSON.parse(json)).map(({ Id, State, Config }) => {
    const labels = Config?.Labels ?? {};
    const isRunning = State.Running || State.Paused;
    // A container whose task is gone (containerd or the machine restarted) reports no status and exit code 0.
    const hasExited = State.Status === "exited" || State.Status === "stopped";
    return {
      id: Id,
      serverId: labels[LABEL.server] ?? "",
      runId: labels[LABEL.run] ?? "",
      kind: labels[LABEL.kind] === "install" ? "install" : "game",
      labels,
      isRunning,
      isPaused: State.Paused,
      pid: isRunning ? State.Pid : 0,
      exitCode: hasExited ? State.ExitCode : null,
      startedAt: epochMs(State.StartedAt),
      finishedAt: hasExited ? epochMs(State.FinishedAt) : null,
    };
  });
}

/** A container that is being removed at this moment fails in many words; a moment later it is simply not there. */
const ATTEMPTS_MAX = 3;
const ATTEMPT_PAUSE_MS = 150;
const LIST_ATTEMPTS_MAX = 20;

/** Runs a command on one container; null when there is no such container. */
async function onContainer(cli: NerdctlCli, args: string[]): Promise<string | null> {
  for (let attempt = 1; ; attempt++) {
    const result = await cli.call(args);
    if (result.code === 0) return result.stdout;
    if (isContainerMissing(result.stderr)) return null;
    if (attempt === ATTEMPTS_MAX) throw cli.failure("other", result);
    await delay(ATTEMPT_PAUSE_MS);
  }
}

/** One container by name or id, or null; also null when it is not one of this agent's. */
export async function inspectContainer(cli: NerdctlCli, owner: Ownership, name: string): Promise<Container | null> {
  const output = await onContainer(cli, ["inspect", "--type", "container", name]);
  const [container] = output === null ? [] : parseContainers(output);
  if (container) cli.rests.learn(container.id, container.labels);
  return container && (await owner.judge())(container.labels) ? container : null;
}

/**
 * `ps` gives up when any container, be it a stranger's, is removed while it makes its list, and `inspect` prints nothing
 * at all when one of many is not there any more: a list begins anew, lest those that are there be taken for removed.
 */
async function listAnew(cli: NerdctlCli, list: () => Promise<CallResult>): Promise<string> {
  for (let attempt = 1; ; attempt++) {
    const result = await list();
    if (result.code === 0) return result.stdout;
    if (attempt === LIST_ATTEMPTS_MAX || !isContainerMissing(result.stderr)) throw cli.failure("other", result);
  }
}

const listIds = (cli: NerdctlCli, filters: readonly string[] = []) =>
  cli.call(["ps", "-a", "-q", "--no-trunc", ...filters]);
const idsIn = (printed: string) => printed.split("\n").filter((id) => id !== "");

/** Every container of this agent, running or not. */
export async function listContainers(cli: NerdctlCli, owner: Ownership): Promise<Container[]> {
  const isOwn = await owner.judge();
  const filters = ["--filter", `label=${LABEL.panel}`, "--filter", `label=${LABEL.server}`];
  const printed = await listAnew(cli, async () => {
    const found = await listIds(cli, filters);
    const ids = found.code === 0 ? idsIn(found.stdout) : [];
    return ids.length === 0 ? found : cli.call(["inspect", "--type", "container", ...ids]);
  });
  const containers = printed.trim() === "" ? [] : parseContainers(printed);
  for (const { id, labels } of containers) cli.rests.learn(id, labels);
  return containers.filter(({ labels }) => isOwn(labels));
}

/** Lets a paused container go on. One that is not paused, or not there, is fine. */
export async function unpauseContainer(cli: NerdctlCli, id: string): Promise<void> {
  const result = await cli.call(["unpause", id]);
  if (result.code !== 0 && !/not paused/i.test(result.stderr) && !isContainerMissing(result.stderr)) {
    throw cli.failure("other", result);
  }
}

/** Removes a container, killing it if need be. One that is not there is fine. */
export async function removeContainer(cli: NerdctlCli, name: string): Promise<void> {
  await onContainer(cli, ["rm", "-f", name]);
  await cli.rests.remove(name);
}

/** Ids of all containers of the namespace, running or not, whoever's they are. */
export async function containerIds(cli: NerdctlCli): Promise<Set<string>> {
  return new Set(idsIn(await listAnew(cli, () => listIds(cli))));
}

/** Removes a CNI network. One that is not there is fine; false while a container is in it. */
export async function removeNetwork(cli: NerdctlCli, name: string): Promise<boolean> {
  const result = await cli.call(["network", "rm", name]);
  if (result.code === 0 || /no network found/i.test(result.stderr)) return true;
  if (/is in use/i.test(result.stderr)) return false;
  throw cli.failure("other", result);
}
