import type { Socket, SocketPort } from "./sockets.ts";

/** A binary frame is passed on as null: no frame of ours is binary. */
function wrap(socket: WebSocket): Socket {
  return {
    send: (text) => {
      try {
        socket.send(text);
      } catch {
        // The peer is gone; the close event says so.
      }
    },
    close: (code, reason) => {
      try {
        socket.close(code, reason);
      } catch {
        // Already closed.
      }
    },
    onMessage: (listener) =>
      socket.addEventListener("message", ({ data }) => listener(typeof data === "string" ? data : null)),
    onClose: (listener) => {
      socket.addEventListener("close", ({ code, reason }) => listener(code, reason));
      socket.addEventListener("error", () => listener(1006, ""));
    },
  };
}

/** Sockets by the Workers runtime. */
export const workersSockets: SocketPort = {
  accept: () => {
    const [client, server] = Object.values(new WebSocketPair()) as [WebSocket, WebSocket];
    server.accept();
    return { socket: wrap(server), response: new Response(null, { status: 101, webSocket: client }) };
  },
  fromUpgrade: (response) => {
    const socket = response.webSocket;
    if (!socket) return null;
    socket.accept();
    return wrap(socket);
  },
  later: (delayMs, callback) => {
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  },
};
