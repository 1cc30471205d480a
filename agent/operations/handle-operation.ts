/** Carries out what the control plane asks, one answer each. */

import type { PowerReply } from "../../protocol/agent-replies.ts";
import type { AgentBuild, UpdateReply } from "../../protocol/agent-update.ts";
import type { ErrorCode } from "../../protocol/errors.ts";
import type { PreflightReply } from "../../protocol/findings.ts";
import type { AgentOperation } from "../../protocol/frames/hub-to-agent.ts";
import type { HealthReport, ResourceStats } from "../../protocol/frames/shared.ts";
import { ConsoleInputError } from "../console/console-input.ts";
import type { Log } from "../log.ts";
import type { CommandAnswer } from "../power/power-types.ts";
import type { ServerActor } from "../power/server-actor.ts";
import type { ServerPaths } from "../runtime/container-runtime.ts";
import { RuntimeError } from "../runtime/container-runtime.ts";
import { OperationError } from "./operation-error.ts";
import { readLogs } from "./read-logs.ts";

export interface OperationServices {
  find(serverId: string): Promise<ServerActor | null>;
  /** Resolves when what this node heard of its spec is applied. */
  caughtUp(): Promise<void>;
  writeInput(paths: ServerPaths, line: string): Promise<void>;
  stats(actor: ServerActor): Promise<ResourceStats>;
  health(): Promise<HealthReport>;
  /** @param serverTime of the control plane, milliseconds since 1970. */
  preflight(serverTime: number): Promise<PreflightReply>;
  /** @throws OperationError when this agent cannot become another build. */
  update(updateId: string, build: AgentBuild): UpdateReply;
  log: Log;
}

export type OperationOutcome = { ok: true; data: unknown } | { ok: false; code: ErrorCode; error: string };

async function actorOf(serverId: string, services: OperationServices): Promise<ServerActor> {
  const actor = await services.find(serverId);
  if (!actor) throw new OperationError("NOT_FOUND", "This node does not know the server.");
  return actor;
}

function replyOf(answer: CommandAnswer): PowerReply {
  if (!answer.ok) throw new OperationError(answer.code, answer.error);
  return answer.reply;
}

async function perform(operation: AgentOperation, services: OperationServices): Promise<unknown> {
  switch (operation.op) {
    case "power": {
      const { serverId, action, commandId, issuedAt } = operation;
      // A run begins with the spec as whoever asks for it left it; to end one nothing is waited for.
      if (action === "start" || action === "restart") await services.caughtUp();
      return replyOf(await (await actorOf(serverId, services)).command(action, commandId, issuedAt));
    }
    case "cancel_install":
      return replyOf(await (await actorOf(operation.serverId, services)).cancelInstall());
    case "console_input": {
      const actor = await actorOf(operation.serverId, services);
      if (actor.spec.suspended) throw new OperationError("SERVER_SUSPENDED", "This server is suspended.");
      const { state } = actor.status;
      if (state !== "running" && state !== "starting" && state !== "stopping") {
        throw new OperationError("SERVER_NOT_RUNNING", "This server is not running.");
      }
      await services.writeInput(actor.paths, operation.data);
      return {};
    }
    case "logs":
      return readLogs((await actorOf(operation.serverId, services)).console, operation.from, operation.limitBytes);
    case "stats":
      return services.stats(await actorOf(operation.serverId, services));
    case "health":
      return services.health();
    case "preflight":
      return services.preflight(operation.serverTime);
    case "update":
      return services.update(operation.updateId, operation.build);
  }
}

/** Never throws; what went wrong inside stays in the node's log. */
export async function handleOperation(
  operation: AgentOperation,
  services: OperationServices,
): Promise<OperationOutcome> {
  try {
    return { ok: true, data: await perform(operation, services) };
  } catch (error) {
    if (error instanceof OperationError || error instanceof ConsoleInputError) {
      return { ok: false, code: error.code, error: error.message };
    }
    if (error instanceof RuntimeError) return { ok: false, code: "CONTAINER_ERROR", error: error.message };
    services.log.error({ err: error, op: operation.op }, "an operation failed");
    return { ok: false, code: "INTERNAL", error: "The node could not do this; its log says why." };
  }
}
