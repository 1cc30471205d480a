import { eq } from "drizzle-orm";
import { sessions } from "../../../drizzle/schema/index.ts";
import type { CallerContext } from "../../context.ts";
import { auditEntry } from "../audit/entry.ts";
import { endSockets } from "./end-sockets.ts";

/** Ends the session that asks: its token and its sockets at once. */
export async function logout(ctx: CallerContext): Promise<void> {
  const { id } = ctx.caller.credential;
  await ctx.db.batch([
    ctx.db
      .update(sessions)
      .set({ revokedAt: new Date(ctx.clock.now()) })
      .where(eq(sessions.id, id)),
    auditEntry(ctx, { action: "auth.logout", targetType: "session", targetId: id }),
  ]);
  endSockets(ctx, { userId: ctx.caller.userId, credentialId: id }, "signed out");
}
