import { z } from "zod";
import { byteCountSchema, healthReportSchema, resourceStatsSchema } from "./frames/shared.ts";
import { serverStateSchema } from "./server-state.ts";

/** Answer to `power`: the action was accepted, or found already under way. The outcome comes as state events. */
export const powerReplySchema = z.object({ state: serverStateSchema, alreadyUnderWay: z.boolean() });
export type PowerReply = z.infer<typeof powerReplySchema>;

/** Answer to `logs`, and body of `GET /api/servers/:id/logs`: the text of `[from, to)` in a log that holds `[oldest, latest)`. */
export const logsReplySchema = z.object({
  data: z.string(),
  from: byteCountSchema,
  to: byteCountSchema,
  oldest: byteCountSchema,
  latest: byteCountSchema,
});
export type LogsReply = z.infer<typeof logsReplySchema>;

/** Answers to `stats` and `health` are the frames that live viewers get. */
export const statsReplySchema = resourceStatsSchema;
export const healthReplySchema = healthReportSchema;
