/** Requests that must be refused whoever makes them: not what the contract describes, or on what is not theirs. */
import type { ErrorCode } from "../../../protocol/errors.ts";
import { oneOf, type Random } from "./choice.ts";
import type { Wish } from "./wish.ts";

/** No server may ever be called so. */
export const INTRUDED = "intruded";
const MALFORMED: readonly ErrorCode[] = ["VALIDATION", "SERVER_SUSPENDED", "NOT_FOUND"];
const FOREIGN: readonly ErrorCode[] = ["NOT_FOUND", "PERMISSION_DENIED"];
const BEYOND_GRANT: readonly ErrorCode[] = [...FOREIGN, "SERVER_SUSPENDED"];

/** Bodies and paths that say nothing valid. */
export function malformed(random: Random, serverId: string): Wish {
  const bad = (fields: Partial<Wish> & Pick<Wish, "name">): Wish => ({ serverId, onlyCodes: MALFORMED, ...fields });
  const wishes: Wish[] = [
    bad({ name: "create", rawBody: '{"name":' }),
    bad({ name: "create", body: [INTRUDED] }),
    bad({ name: "create", body: { name: INTRUDED, templateId: "echo", nodeId: "x".repeat(300) } }),
    bad({ name: "create", rawBody: JSON.stringify({ name: "x".repeat(1_100_000) }), onlyCodes: ["BODY_TOO_LARGE"] }),
    bad({ name: "edit", body: { description: INTRUDED, surprise: 1 } }),
    bad({ name: "edit", body: { description: INTRUDED, allocatedMemoryMb: "much" } }),
    bad({ name: "edit", body: { description: INTRUDED }, contentType: "text/plain" }),
    bad({ name: "edit", rawBody: '"\\u0000"' }),
    bad({ name: "policy", body: { policy: "sometimes", maxCrashes: -1 } }),
    bad({ name: "command", body: { command: `${INTRUDED}\ntwice` } }),
    bad({ name: "start", body: { commandId: 5 } }),
    bad({ name: "kill", body: { commandId: "not an id" } }),
    bad({ name: "reinstall", body: { wipe: "perhaps" } }),
    bad({ name: "delete", query: "?force=perhaps" }),
    ...["%00", "..%2f..%2fetc", "x'%20or%20'1'='1", "A".repeat(400)].map((id) =>
      bad({ name: "stop", path: `/api/servers/${id}/stop`, onlyCodes: ["NOT_FOUND"] }),
    ),
  ];
  const wish = oneOf(random, wishes);
  return { ...wish, what: `malformed ${wish.name}` };
}

/** Everything that somebody without a right to a server may try with it. */
export function foreign(random: Random, serverId: string, ownerId: string): Wish {
  const wishes: Wish[] = [
    ...(["start", "stop", "restart", "kill", "delete", "reset", "suspend", "unsuspend"] as const).map((name) => ({
      name,
    })),
    ...(["view", "logs", "crashes", "activity"] as const).map((name) => ({ name })),
    { name: "edit", body: { name: INTRUDED, description: INTRUDED } },
    { name: "policy", body: { policy: "never" } },
    { name: "reinstall", body: { wipe: true } },
    { name: "command", body: { command: INTRUDED } },
    { name: "share", body: { userId: ownerId, permissions: ["server.read"] } },
    { name: "mode", body: { mode: "maintenance", reason: INTRUDED } },
  ];
  const wish = oneOf(random, wishes);
  const isOfNode = wish.name === "mode";
  return { ...wish, ...(isOfNode ? {} : { serverId }), onlyCodes: FOREIGN, what: `foreign ${wish.name}` };
}

/** What a sub-user who may look, start, stop and type may not do. */
export function beyondGrant(random: Random, serverId: string): Wish {
  const wishes: Wish[] = [
    ...(["restart", "kill", "delete", "reset", "suspend", "activity"] as const).map((name) => ({ name })),
    { name: "edit", body: { name: INTRUDED } },
    { name: "edit", body: { allocatedMemoryMb: 128, description: INTRUDED } },
    { name: "policy", body: { policy: "never" } },
    { name: "reinstall", body: {} },
  ];
  const wish = oneOf(random, wishes);
  // The grant may have come or gone with its server a moment ago.
  return { ...wish, serverId, onlyCodes: BEYOND_GRANT, what: `beyond-grant ${wish.name}` };
}
