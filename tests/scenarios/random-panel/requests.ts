/** Every kind of request that the random actors make: where it goes, what it is answered, and what is audited of it. */
import { z } from "zod";
import { grantSchema } from "../../../protocol/api/access.ts";
import { auditEntrySchema } from "../../../protocol/api/audit.ts";
import { success, successPage } from "../../../protocol/api/envelope.ts";
import { nodeSchema } from "../../../protocol/api/nodes.ts";
import {
  logsReplySchema,
  powerResultSchema,
  serverCrashSchema,
  serverDetailSchema,
  serverSchema,
  suspensionReplySchema,
} from "../../../protocol/api/servers.ts";
import type { ErrorCode } from "../../../protocol/errors.ts";

export interface RequestKind {
  method: "GET" | "POST" | "PATCH" | "DELETE";
  /** As the OpenAPI document writes it. */
  path: string;
  success: 200 | 201 | 202;
  answer: z.ZodType;
  /** The audit log's word for it; null when it changes nothing. */
  audit: string | null;
  /** What it may be refused with by one who may do it, besides what holds for all requests on a server. */
  refusals: ErrorCode[];
  /** Refusals that may be audited: the row did not allow what was asked for, or was deleted behind the change. */
  auditedRefusals?: ErrorCode[];
  /** It succeeds too where there is nothing to change, and is not audited then. */
  mayChangeNothing?: true;
}

const AGENT_AWAY: ErrorCode[] = ["NODE_OFFLINE", "AGENT_TIMEOUT"];
const server = "/api/servers/{id}";

const power = (action: string, refusals: ErrorCode[]): RequestKind => ({
  method: "POST",
  path: `${server}/${action}`,
  success: 202,
  answer: success(powerResultSchema),
  audit: `server.${action}`,
  refusals: [...AGENT_AWAY, ...refusals],
});
const START_REFUSALS: ErrorCode[] = ["SERVER_ALREADY_RUNNING", "SERVER_NOT_INSTALLED", "NODE_MAINTENANCE"];
const look = (path: string, answer: z.ZodType, refusals: ErrorCode[] = []): RequestKind => ({
  ...{ method: "GET", success: 200, audit: null },
  ...{ path, answer, refusals },
});
const change = (
  method: RequestKind["method"],
  path: string,
  audit: string,
  more: Partial<RequestKind> = {},
): RequestKind => ({
  ...{ success: 200, answer: success(serverDetailSchema), refusals: [] },
  ...{ method, path, audit },
  ...more,
});

export const REQUESTS = {
  create: change("POST", "/api/servers", "server.create", {
    success: 201,
    refusals: ["CONFLICT", "INSUFFICIENT_RESOURCES", "PORT_IN_USE"],
  }),
  delete: change("DELETE", server, "server.delete", { answer: success(z.null()), refusals: ["NODE_OFFLINE"] }),
  start: power("start", START_REFUSALS),
  restart: power("restart", START_REFUSALS),
  stop: power("stop", ["SERVER_NOT_RUNNING"]),
  kill: power("kill", ["SERVER_NOT_RUNNING"]),
  command: change("POST", `${server}/command`, "console.command", {
    answer: success(z.null()),
    refusals: [...AGENT_AWAY, "SERVER_NOT_RUNNING"],
  }),
  edit: change("PATCH", server, "server.update", {
    refusals: ["CONFLICT", "INSUFFICIENT_RESOURCES"],
    auditedRefusals: ["NOT_FOUND"],
  }),
  policy: change("PATCH", `${server}/restart-policy`, "server.restart_policy", { auditedRefusals: ["NOT_FOUND"] }),
  reset: change("POST", `${server}/reset-crash-count`, "server.reset_crash_count", { auditedRefusals: ["NOT_FOUND"] }),
  reinstall: change("POST", `${server}/reinstall`, "server.reinstall", {
    success: 202,
    refusals: ["SERVER_ALREADY_RUNNING", "CONFLICT"],
    auditedRefusals: ["CONFLICT", "NOT_FOUND"],
  }),
  suspend: change("POST", `${server}/suspend`, "server.suspend", { answer: success(suspensionReplySchema) }),
  unsuspend: change("POST", `${server}/unsuspend`, "server.unsuspend", {
    answer: success(suspensionReplySchema),
    mayChangeNothing: true,
  }),
  share: change("POST", `${server}/access`, "access.create", {
    success: 201,
    answer: success(grantSchema),
    refusals: ["CONFLICT"],
  }),
  mode: change("POST", "/api/nodes/{id}/mode", "node.set_mode", { answer: success(nodeSchema) }),
  view: look(server, success(serverDetailSchema)),
  list: look("/api/servers", successPage(serverSchema)),
  logs: look(`${server}/logs`, success(logsReplySchema), AGENT_AWAY),
  crashes: look(`${server}/crashes`, successPage(serverCrashSchema)),
  activity: look(`${server}/activity`, successPage(auditEntrySchema)),
} satisfies Record<string, RequestKind>;

export type RequestName = keyof typeof REQUESTS;
export const kindOf = (name: RequestName): RequestKind => REQUESTS[name];
