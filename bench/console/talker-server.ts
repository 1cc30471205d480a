import { fileURLToPath } from "node:url";
import type { Panel } from "../../tests/world/panel.ts";
import type { ConsoleTarget } from "./jobs.ts";

const TEMPLATE_ID = "bench-talker";

/** Runs `work` with a running server that obeys `talk.ts`, and removes the server. */
export async function withTalker<T>(panel: Panel, work: (target: ConsoleTarget) => Promise<T>): Promise<T> {
  await saveTemplate(panel);
  const serverId = await panel.createServer({ name: "talker", templateId: TEMPLATE_ID, allocatedMemoryMb: 256 });
  try {
    await panel.startServer(serverId);
    const socketUrl = `${panel.url.replace("http", "ws")}/api/servers/${serverId}/console`;
    return await work({ socketUrl, serverId, panel: { url: panel.url, token: panel.token } });
  } finally {
    await panel.must("DELETE", `/api/servers/${serverId}`);
  }
}

async function saveTemplate(panel: Panel): Promise<void> {
  if ((await panel.api("GET", `/api/templates/${TEMPLATE_ID}`)).status === 200) return;
  await panel.must("POST", "/api/templates", {
    id: TEMPLATE_ID,
    name: "Talker",
    description: "Prints what a measurement asks for",
    image: "none/talker:1",
    startup: `exec '${process.execPath}' '${fileURLToPath(new URL("./talker.ts", import.meta.url))}'`,
    readyPattern: "ready",
    stopCommand: "^C",
  });
}
