/**
 * Stands where agent and game server stand, behind the bare relay: obeys the same commands (`talk.ts`), and sends the
 * frames that a viewer of a panel gets, with no process, no pipe and no log file in between.
 */
import { once } from "node:events";
import WebSocket from "ws";
import { CONSOLE_FRAME_MAX_BYTES } from "../../protocol/limits.ts";
import { obey } from "./talk.ts";

const SERVER_ID = "relay";
const socket = new WebSocket(`ws://127.0.0.1:${process.argv[2]}/sender`, { perMessageDeflate: false });
let offset = 0;
let waiting = "";

/** Text printed in one go is gathered to frames of the size that an agent sends. */
function flush(): void {
  while (waiting !== "") {
    const fits = waiting.length <= CONSOLE_FRAME_MAX_BYTES;
    const end = fits ? waiting.length : waiting.lastIndexOf("\n", CONSOLE_FRAME_MAX_BYTES - 1) + 1;
    const data = waiting.slice(0, end);
    waiting = waiting.slice(end);
    socket.send(
      JSON.stringify({
        type: "console_output",
        serverId: SERVER_ID,
        stream: "stdout",
        data,
        offset,
        bytes: data.length,
        timestamp: Date.now(),
      }),
    );
    offset += data.length;
  }
}

socket.on("message", (message) => {
  const frame = JSON.parse(String(message)) as { type: string; data: string };
  if (frame.type !== "console_input") return;
  obey(frame.data, (text) => {
    waiting += text;
    if (waiting.length >= CONSOLE_FRAME_MAX_BYTES) flush();
    else queueMicrotask(flush);
  });
});

await once(socket, "open");
process.send!({ isReady: true });
process.once("disconnect", () => process.exit(0));
