/** Every status that the power state machine tells apart, and every fact and input it decides by. */
import type { ServerState } from "../../../protocol/server-state.ts";
import type { PowerInput, SpecFacts } from "../power-types.ts";
import { firstStatus, type ServerStatus } from "../server-status.ts";

/** One run's age, in the past of `NOW`, and times around the present. */
export const NOW = 10_000_000;
const WISHED_AT = 400;

type Flags = Partial<ServerStatus>;

/** All combinations of the given values. */
export function product<T extends Record<string, readonly unknown[]>>(choices: T): { [K in keyof T]: T[K][number] }[] {
  return Object.entries(choices).reduce<Record<string, unknown>[]>(
    (all, [name, values]) => all.flatMap((one) => values.map((value) => ({ ...one, [name]: value }))),
    [{}],
  ) as { [K in keyof T]: T[K][number] }[];
}

const both = [false, true] as const;
const next = ["rest", "start"] as const;
const restartAt = [null, NOW + 4_000] as const;
const stopAskedAt = [null, NOW - 500] as const;

/** What can differ within a state, besides what differs in all of them. */
export const VARIANTS: Record<ServerState, Flags[]> = {
  stopped: [...product({ restartAt, isHeld: [false] }), { restartAt: null, isHeld: true }],
  starting: product({ isLaunching: both, isAutomatic: both }),
  running: [{}],
  stopping: [
    ...product({ isLaunching: [false], isKilled: both, next, stopAskedAt }),
    ...product({ isLaunching: [true], isKilled: both, next, stopAskedAt: [null] }),
  ],
  installing: product({ next, stopAskedAt }),
  crashed: product({ restartAt }),
  error: [...product({ restartAt }), ...product({ isLingering: [true], next })],
  suspended: [{}],
};

const HAS_STARTED: readonly ServerState[] = ["starting", "running", "stopping"];

export function statusOf(state: ServerState, flags: Flags = {}): ServerStatus {
  const isUp = HAS_STARTED.includes(state) && !flags.isLaunching;
  return {
    ...firstStatus("s", 0),
    state,
    runId: "run-1",
    bootIdentity: "boot-1",
    installedGeneration: 1,
    desiredPowerAt: WISHED_AT,
    enteredAt: NOW - 1_000,
    startedAt: isUp ? NOW - 1_000 : null,
    ...flags,
  };
}

/** Of a server that may be wanted or not, and installed, outdated, or outdated by an install that failed. */
export const STATUSES: ServerStatus[] = Object.entries(VARIANTS)
  .flatMap(
    ([state, variants]) =>
      variants.flatMap((flags) =>
        product({ desiredPower: ["running", "stopped"] as const, install: ["done", "due", "failed"] as const }).map(
          ({ desiredPower, install }) =>
            statusOf(state as ServerState, {
              ...flags,
              desiredPower,
              installedGeneration: install === "done" ? 1 : 0,
              failedInstallGeneration: install === "failed" ? 1 : 0,
            }),
        ),
      ),
    // Only a server that is wanted waits for its restart.
  )
  .filter(({ restartAt, desiredPower }) => restartAt === null || desiredPower === "running");

export const PLAIN_FACTS: SpecFacts = {
  isSuspended: false,
  isHeld: false,
  installGeneration: 1,
  hasInstallWork: true,
  hasReadyPattern: true,
  desiredPower: "stopped",
  desiredPowerAt: 0,
  restartPolicy: "on-failure",
  maxCrashes: 3,
  crashWindowMs: 600_000,
  crashResetAt: 0,
};

export const FACTS: SpecFacts[] = product({
  isSuspended: both,
  isHeld: both,
  hasInstallWork: both,
  hasReadyPattern: both,
  restartPolicy: ["always", "on-failure", "never"] as const,
  wish: ["none", "running", "stopped"] as const,
  crashResetAt: [0, 7],
}).map(({ wish, ...facts }) => ({
  ...PLAIN_FACTS,
  ...facts,
  ...(wish === "none" ? {} : { desiredPower: wish, desiredPowerAt: WISHED_AT + 100 }),
}));

const command = (action: "start" | "stop" | "restart" | "kill"): PowerInput => ({
  type: "command",
  action,
  issuedAt: NOW,
});
const exited = (runId: string, exitCode: number): PowerInput => ({
  type: "exited",
  runId,
  exit: { exitCode, signal: null, oomKilled: false, exitedAt: NOW },
});
const run = { runId: "run-2", startedAt: NOW, bootIdentity: "boot-1" };

export const COMMANDS: Record<string, PowerInput> = {
  start: command("start"),
  stop: command("stop"),
  restart: command("restart"),
  kill: command("kill"),
  "cancel install": { type: "cancel_install" },
};

export const REPORTS: Record<string, PowerInput> = {
  launched: { type: "launched", ...run },
  "launch failed": { type: "launch_failed", reason: "It cannot be." },
  "launch failed by the node": { type: "launch_failed", reason: "It cannot be.", isNodeFault: true },
  ready: { type: "ready" },
  "asked to stop": { type: "stop_asked" },
  "exit 0": exited("run-1", 0),
  "exit 1": exited("run-1", 1),
  "exit of an older run": exited("run-0", 1),
  "end unknown": { type: "lost", hasNodeRebooted: false },
  "node rebooted": { type: "lost", hasNodeRebooted: true },
  "found running": { type: "found_running", ...run },
  installed: { type: "installed", generation: 1 },
  "install failed": { type: "install_failed", generation: 1, reason: "It cannot be." },
};

export const DEADLINE_INPUTS = {
  launch_overdue: { type: "launch_overdue" },
  ready_overdue: { type: "ready_overdue" },
  stop_overdue: { type: "stop_overdue" },
  install_overdue: { type: "install_overdue", generation: 1, reason: "Too long." },
  restart_due: { type: "restart_due" },
} satisfies Record<string, PowerInput>;

export const INPUTS: [string, PowerInput][] = [
  ["spec", { type: "spec" }],
  ...Object.entries(COMMANDS),
  ...Object.entries(REPORTS),
  ...Object.entries(DEADLINE_INPUTS),
];
