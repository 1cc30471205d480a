import { eq } from "drizzle-orm";
import { apiKeys } from "../../../drizzle/schema/index.ts";
import type { CallerContext } from "../../context.ts";

/** A key's time of last use is kept this coarse, so that a busy script does not write a row a request. */
const TOUCH_INTERVAL_MS = 60_000;

/** Notes, after the answer, that an API key was used. */
export function touchApiKey(ctx: CallerContext): void {
  const { kind, id, lastUsedAt } = ctx.caller.credential;
  if (kind !== "apiKey") return;
  const now = ctx.clock.now();
  if (lastUsedAt && now - lastUsedAt.getTime() < TOUCH_INTERVAL_MS) return;
  ctx.background(
    ctx.db
      .update(apiKeys)
      .set({ lastUsedAt: new Date(now) })
      .where(eq(apiKeys.id, id))
      .then(() => {}),
  );
}
