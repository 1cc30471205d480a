import type { ServerDetail } from "../../../protocol/api/servers.ts";
import type { ServerContext } from "../../context.ts";
import { requireNotSuspended, requireOnServer } from "./access.ts";
import { changeServer } from "./change-server.ts";
import { getServer } from "./get.ts";

/** Asks for the newest image of the same name, which the node fetches with the next start. Repeating it is harmless. */
export async function refreshImage(ctx: ServerContext): Promise<ServerDetail> {
  requireOnServer(ctx, "startup.image");
  requireNotSuspended(ctx);
  await changeServer(ctx, { imageRefreshAt: ctx.clock.now() }, { action: "server.image.refresh" });
  return await getServer(ctx);
}
