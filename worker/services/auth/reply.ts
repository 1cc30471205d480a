import type { User } from "../../../protocol/api/auth.ts";
import type { Caller } from "../../auth/caller.ts";

/** What a user is told of themselves. */
export function toUser(
  caller: Pick<Caller, "userId" | "email" | "username" | "roles" | "permissions" | "createdAt">,
): User {
  const { userId, email, username, roles, permissions, createdAt } = caller;
  return { id: userId, email, username, roles, permissions, createdAt: createdAt.toISOString() };
}
