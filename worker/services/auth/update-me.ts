import { eq } from "drizzle-orm";
import { users } from "../../../drizzle/schema/index.ts";
import type { CallerContext } from "../../context.ts";
import { auditEntry } from "../audit/entry.ts";
import { toUser } from "./reply.ts";

/** Changes what a user may change of themselves. @throws Refusal CONFLICT when the name is taken */
export async function updateMe(ctx: CallerContext, changes: { username?: string | undefined }) {
  const username = changes.username ?? ctx.caller.username;
  if (username !== ctx.caller.username) {
    const details = { from: ctx.caller.username, to: username };
    await ctx.db.batch([
      ctx.db.update(users).set({ username }).where(eq(users.id, ctx.caller.userId)),
      auditEntry(ctx, { action: "user.rename", targetType: "user", targetId: ctx.caller.userId, details }),
    ]);
  }
  return toUser({ ...ctx.caller, username });
}
