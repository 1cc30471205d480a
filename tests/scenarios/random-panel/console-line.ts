/** A line typed over a server's console socket, as the panel's page types it. */
import WebSocket from "ws";
import { hubToClientSchema } from "../../../protocol/frames/hub-to-client.ts";
import type { Actor } from "./actor.ts";
import { leaks } from "./answers.ts";

/** The game's answer comes at once or never. */
const ECHO_PATIENCE_MS = 800;
const SOCKET_PATIENCE_MS = 5_000;

export interface Typed {
  /** The socket let the line pass; what became of it only the console tells. */
  isSent: boolean;
  closeCode: number | null;
  /** Text of frames that the contract does not know, or that tell too much. */
  faults: string[];
}

/** Resolves when the line is echoed, refused, or patience ends. */
export function typeOverSocket(actor: Actor, serverId: string, line: string): Promise<Typed> {
  const { url, secrets } = actor.place;
  const socket = new WebSocket(`${url.replace("http", "ws")}/api/servers/${serverId}/console`, {
    headers: { authorization: `Bearer ${actor.person.token}` },
  });
  const typed: Typed = { isSent: false, closeCode: null, faults: [] };
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(patience);
      socket.terminate();
      resolve(typed);
    };
    let patience = setTimeout(end, SOCKET_PATIENCE_MS);
    socket.on("error", () => {});
    socket.on("close", (code) => {
      typed.closeCode ??= code;
      end();
    });
    socket.on("message", (data) => {
      const text = String(data);
      const frame = JSON.parse(text) as { type: string; code?: number; data?: string };
      if (!hubToClientSchema.safeParse(frame).success) typed.faults.push(`no frame of the contract: ${text}`);
      for (const leak of leaks(text, secrets)) typed.faults.push(`${leak}: ${text.slice(0, 300)}`);
      if (frame.type === "bye") typed.closeCode = frame.code ?? null;
      if (frame.type === "error" || frame.type === "bye") return end();
      if (frame.type === "subscribed") {
        socket.send(JSON.stringify({ type: "console_input", serverId, data: line }));
        typed.isSent = true;
        clearTimeout(patience);
        patience = setTimeout(end, ECHO_PATIENCE_MS);
      }
      if (frame.type === "console_output" && frame.data?.includes(`echo: ${line}`)) end();
    });
  });
}
