import { readCredential } from "../auth/credential.ts";
import { invalid } from "../errors.ts";
import { GeneralSocket } from "../sockets/general-socket.ts";
import { refuseUpgrade } from "../sockets/refuse.ts";
import { isUpgrade, requireOwnOrigin } from "./console-socket.ts";
import { newRouter } from "./contract.ts";

export const generalSocketRoutes = newRouter();

/** The general socket: introduced by its first frame, or by the cookie or header of its upgrade. */
generalSocketRoutes.get("/ws", async (c) => {
  if (!isUpgrade(c)) throw invalid("Upgrade", "this address only speaks WebSocket");
  const ctx = c.get("ctx");
  const sockets = c.get("sockets");
  try {
    const credential = await readCredential(c.req.raw.headers, ctx.env.JWT_KEYS, ctx.clock.now());
    if (credential) c.set("credential", credential);
    requireOwnOrigin(c);
    const { socket, response } = sockets.accept();
    const general = new GeneralSocket(ctx, sockets, socket);
    if (credential) ctx.background(general.introduce(credential));
    return response;
  } catch (error) {
    return refuseUpgrade(sockets, error);
  }
});
