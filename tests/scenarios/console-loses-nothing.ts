import { expect } from "vitest";
import { ConsoleViewer } from "../world/console-viewer.ts";
import { consoleFileText } from "../world/node-files.ts";
import type { Panel } from "../world/panel.ts";
import { until } from "../world/until.ts";

const LINES = 200_000;

/**
 * While a server prints as fast as it can, the agent is killed and comes back, the Worker is killed and comes back,
 * and a viewer drops and reconnects. Afterwards the node's log has every line once and in order, and the viewer's
 * text, its stated gaps filled from history, equals the log byte for byte.
 */
export async function consoleLosesNothing(panel: Panel, server: Record<string, unknown>): Promise<void> {
  const serverId = await panel.createServer(server);
  await panel.startServer(serverId);
  const viewer = new ConsoleViewer(panel, serverId);
  await viewer.connect();

  viewer.send({ type: "console_input", data: `flood ${LINES}` });
  await until("the flood is seen", () => viewer.text.length > 100_000);
  await panel.killAgent();
  await panel.waitForNode();

  const before = viewer.next!;
  viewer.send({ type: "console_input", data: `flood ${LINES}` });
  await until("the second flood is seen", () => viewer.next! > before + 100_000);
  await panel.killWorker();
  viewer.drop();
  await panel.waitForNode();

  await panel.must("POST", `/api/servers/${serverId}/command`, { command: "last line" });
  await until(
    "the last line is in the log",
    () => /^echo: last line$/m.test(consoleFileText(panel.ready.dataDir, serverId)),
    60_000,
  );
  const file = consoleFileText(panel.ready.dataDir, serverId);
  await until("the viewer has caught up", () => viewer.next === Buffer.byteLength(file), 60_000);

  const numbers = [...file.matchAll(/^(?:line )?0*(\d+)\b.*$/gm)].map((match) => Number(match[1]));
  expect(numbers.length).toBe(2 * LINES);
  expect(
    numbers.every((number, index) => number === (index % LINES) + 1),
    "every line once and in order",
  ).toBe(true);

  expect(viewer.faults).toEqual([]);
  expect((await viewer.completeText()) === file, "the viewer's text equals the file").toBe(true);
  viewer.close();
}
