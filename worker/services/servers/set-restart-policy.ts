import type { z } from "zod";
import type { restartPolicyBodySchema, ServerDetail } from "../../../protocol/api/servers.ts";
import type { ServerContext } from "../../context.ts";
import { requireOnServer } from "./access.ts";
import { changeServer } from "./change-server.ts";
import { getServer } from "./get.ts";

/** Changes what the node does when the game ends by itself. It holds from the next end on; a wait may end by it at once. */
export async function setRestartPolicy(
  ctx: ServerContext,
  body: z.output<typeof restartPolicyBodySchema>,
): Promise<ServerDetail> {
  requireOnServer(ctx, "startup.update");
  // What was left out is undefined: it neither changes a column nor stands in the audit log.
  const { policy: restartPolicy, maxCrashes, windowSeconds: crashWindowSeconds } = body;
  const changes = { restartPolicy, maxCrashes, crashWindowSeconds };
  await changeServer(ctx, changes, { action: "server.restart_policy", details: changes });
  return await getServer(ctx);
}
