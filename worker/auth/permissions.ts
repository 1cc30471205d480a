import type { GlobalPermission, ServerPermission } from "../../protocol/permissions.ts";
import { Refusal } from "../errors.ts";

/** What `admin.read` lets its holder see of every server; console text and files are not among it. */
const READABLE_BY_STAFF: readonly ServerPermission[] = [
  "server.read",
  "activity.read",
  "allocation.read",
  "backup.read",
  "alert.read",
];
/** Global permissions to act on any server make that server visible. */
const ACTS_ON_ANY_SERVER: readonly GlobalPermission[] = ["server.delete", "server.suspend", "server.transfer"];
/** Whoever holds one of these by role sees every server in the list. */
export const SEES_EVERY_SERVER: readonly GlobalPermission[] = ["*", "admin.read", "admin.write", ...ACTS_ON_ANY_SERVER];

/** Whoever holds one of these by role may look at a suspended server and into its console, which has to be judged. */
const OVERSEES_SUSPENDED: readonly GlobalPermission[] = ["*", "admin.read", "admin.write", "server.suspend"];
const READABLE_OF_SUSPENDED: readonly ServerPermission[] = ["server.read", "console.read"];
/** What a suspension leaves to a server's users: to see that it is there, what it is, and why it is suspended. */
const LEFT_BY_SUSPENSION: readonly string[] = [
  "server.read",
  "activity.read",
  "startup.read",
  "allocation.read",
  "backup.read",
  "database.read",
  "access.read",
  "alert.read",
] satisfies ServerPermission[];

export const overseesSuspended = (caller: Pick<Holder, "rolePermissions">) =>
  OVERSEES_SUSPENDED.some((permission) => caller.rolePermissions.includes(permission));

/** Whether a server's user may do this while it is suspended. */
export const isLeftBySuspension = (permission: ServerPermission) => LEFT_BY_SUSPENSION.includes(permission);

/** Narrows permissions to an API key's scopes; no scopes means no narrowing. */
export function narrow(permissions: readonly string[], scopes: readonly string[]): string[] {
  if (scopes.length === 0 || scopes.includes("*")) return [...permissions];
  if (permissions.includes("*")) return [...scopes];
  return permissions.filter((permission) => scopes.includes(permission));
}

export const allows = (permissions: readonly string[], permission: string) =>
  permissions.includes("*") || permissions.includes(permission);

/** Whoever makes a request, as far as permissions go. */
export interface Holder {
  userId: string;
  /** Global permissions of their roles. */
  rolePermissions: readonly string[];
  /** The same, narrowed to the credential's scopes. */
  permissions: readonly string[];
}

export const hasGlobal = (caller: Holder, permission: GlobalPermission) => allows(caller.permissions, permission);

export const refuse = (permission: string) =>
  new Refusal("PERMISSION_DENIED", `You need the permission ${permission} for this.`);

/** @throws Refusal PERMISSION_DENIED */
export function requireGlobal(caller: Holder, permission: GlobalPermission): void {
  if (!hasGlobal(caller, permission)) throw refuse(permission);
}

/** What a user may do with one server, by ownership, role and grant, before a key's scopes narrow it. */
export function serverPermissions(
  caller: Pick<Holder, "userId" | "rolePermissions">,
  server: { ownerId: string; granted: readonly string[]; isSuspended: boolean },
): string[] {
  const byRole = caller.rolePermissions;
  if (server.ownerId === caller.userId || byRole.includes("*") || byRole.includes("admin.write")) return ["*"];
  const permissions = new Set<string>(server.granted);
  if (byRole.includes("admin.read")) for (const permission of READABLE_BY_STAFF) permissions.add(permission);
  if (ACTS_ON_ANY_SERVER.some((permission) => byRole.includes(permission))) permissions.add("server.read");
  if (server.isSuspended && overseesSuspended(caller)) for (const it of READABLE_OF_SUSPENDED) permissions.add(it);
  return [...permissions];
}
