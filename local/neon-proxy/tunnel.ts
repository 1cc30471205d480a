/**
 * WebSocket tunnel: Postgres's own wire protocol in binary frames, for transactions that need an open session.
 *
 * The target is always the proxy's own Postgres, whatever address the client names: this is no way into the network.
 * Postgres itself asks for the password.
 */
import type { IncomingMessage } from "node:http";
import { connect } from "node:net";
import type { Duplex } from "node:stream";
import { createWebSocketStream, WebSocketServer } from "ws";

export interface Tunnels {
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  /** Ends all tunnels. */
  close(): void;
}

const FRAME_MAX_BYTES = 16 * 1024 * 1024;

/** @param onOpen called once a tunnel. */
export function tunnelsTo(postgres: { host: string; port: number }, onOpen: () => void): Tunnels {
  const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false, maxPayload: FRAME_MAX_BYTES });
  return {
    upgrade(request, socket, head) {
      const path = request.url?.split("?")[0];
      if (path !== "/v2" || request.headers.origin !== undefined) {
        socket.end(`HTTP/1.1 ${path === "/v2" ? "403 Forbidden" : "404 Not Found"}\r\nContent-Length: 0\r\n\r\n`);
        return;
      }
      sockets.handleUpgrade(request, socket, head, (client) => {
        onOpen();
        const frames = createWebSocketStream(client);
        const wire = connect({ host: postgres.host, port: postgres.port, noDelay: true });
        const endBoth = () => {
          frames.destroy();
          wire.destroy();
        };
        frames.on("error", endBoth).on("close", endBoth);
        wire.on("error", endBoth).on("close", endBoth);
        frames.pipe(wire).pipe(frames);
      });
    },
    close() {
      for (const client of sockets.clients) client.terminate();
      sockets.close();
    },
  };
}
