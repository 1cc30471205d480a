/** What goes into the power state machine of a server, and what comes out. */
import type { PowerReply } from "../../protocol/agent-replies.ts";
import type { ErrorCode } from "../../protocol/errors.ts";
import type { Crash } from "../../protocol/frames/shared.ts";
import type { DesiredPower, PowerAction } from "../../protocol/server-state.ts";
import type { ExitStatus } from "../runtime/container-runtime.ts";
import type { RestartRules } from "./restart-plan.ts";
import type { ServerStatus } from "./server-status.ts";

/** The part of the spec that decides. */
export interface SpecFacts extends RestartRules {
  isSuspended: boolean;
  /** The node is under maintenance. */
  isHeld: boolean;
  installGeneration: number;
  /** A script to run, or files to delete. */
  hasInstallWork: boolean;
  hasReadyPattern: boolean;
  desiredPower: DesiredPower;
  desiredPowerAt: number;
  crashResetAt: number;
}

export type PowerInput =
  | { type: "command"; action: PowerAction; issuedAt: number }
  /** The spec is new or changed; also said once at the start of the agent. */
  | { type: "spec" }
  | { type: "launched"; runId: string; startedAt: number; bootIdentity: string }
  /** `isNodeFault`: nothing of this server's is to blame, such as a container runtime that does not answer. */
  | { type: "launch_failed"; reason: string; isNodeFault?: boolean }
  /** Neither a run nor a failure has come of the launch, and none is waited for any more. */
  | { type: "launch_overdue" }
  | { type: "ready" }
  | { type: "ready_overdue" }
  | { type: "stop_asked" }
  /** It was killed again and again, and is still there. */
  | { type: "stop_overdue" }
  | { type: "exited"; runId: string; exit: ExitStatus }
  /** The wait before a restart is over. */
  | { type: "restart_due" }
  /** The run is over and how it ended cannot be known. */
  | { type: "lost"; hasNodeRebooted: boolean }
  | { type: "installed"; generation: number }
  | { type: "install_failed"; generation: number; reason: string }
  | { type: "install_overdue"; generation: number; reason: string }
  /** Somebody wants the install to end that is under way; answered like a command. */
  | { type: "cancel_install" }
  /** A run that the agent has no memory of. */
  | { type: "found_running"; runId: string; startedAt: number | null; bootIdentity: string };

export type Effect = "launch" | "abort_launch" | "ask_to_stop" | "kill" | "install" | "abort_install";

export type CommandAnswer = { ok: true; reply: PowerReply } | { ok: false; code: ErrorCode; error: string };

/** A crash as the state machine knows it; the actor adds its name and the console's last lines. */
export type CrashFacts = Omit<Crash, "id" | "lastLines">;

export interface Transition {
  status: ServerStatus;
  effects: Effect[];
  /** Only with the transition that is the crash. */
  crash?: CrashFacts;
  /** Only for commands and what is answered like them. */
  answer?: CommandAnswer;
}
