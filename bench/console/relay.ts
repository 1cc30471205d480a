/**
 * The least that can stand between a sender and its viewers: what comes from `/sender` goes to every other socket as it
 * is, what comes from those goes to the sender. No identity, no offsets, no memory: the measure of the machine.
 */
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import WebSocket, { WebSocketServer } from "ws";

const server = new WebSocketServer({ host: "127.0.0.1", port: 0, perMessageDeflate: false });
const viewers = new Set<WebSocket>();
let sender: WebSocket | null = null;

server.on("connection", (socket, request) => {
  socket.on("error", () => socket.terminate());
  if (request.url === "/sender") {
    sender = socket;
    socket.on("message", (data) => {
      for (const viewer of viewers) viewer.send(data, { binary: false });
    });
  } else {
    viewers.add(socket);
    socket.on("close", () => viewers.delete(socket));
    socket.on("message", (data) => {
      if (sender?.readyState === WebSocket.OPEN) sender.send(data, { binary: false });
    });
  }
});

await once(server, "listening");
process.send!({ port: (server.address() as AddressInfo).port });
process.once("disconnect", () => process.exit(0));
