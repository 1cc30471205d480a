import { afterAll, beforeAll, expect, it } from "vitest";
import { ConsoleViewer } from "./world/console-viewer.ts";
import { Panel } from "./world/panel.ts";
import { isAlive, statFields } from "./world/processes.ts";
import { until } from "./world/until.ts";

let panel: Panel;
let serverId: string;
let gamePid: number;
let gameStart: string;

beforeAll(async () => {
  panel = await Panel.start();
  serverId = await panel.createServer();
  await panel.startServer(serverId);
  const viewer = new ConsoleViewer(panel, serverId);
  await viewer.connect();
  viewer.send({ type: "console_input", data: "pid" });
  await until("the game told its pid", () => /^pid: \d+$/m.test(viewer.text));
  gamePid = Number(/^pid: (\d+)$/m.exec(viewer.text)![1]);
  gameStart = startTime(gamePid);
  viewer.close();
});
afterAll(() => panel?.stop());

/** Field 22 of `/proc/<pid>/stat`: when the process began; a pid with another start is another process. */
const startTime = (pid: number) => statFields(pid)[19]!;

async function stillTheSameGame(): Promise<void> {
  await panel.waitForNode();
  await panel.waitForState(serverId, "running");
  expect(isAlive(gamePid)).toBe(true);
  expect(startTime(gamePid)).toBe(gameStart);
  const viewer = new ConsoleViewer(panel, serverId);
  await viewer.connect();
  const word = `still-${Math.random().toString(36).slice(2)}`;
  viewer.send({ type: "console_input", data: word });
  await until("the game answers", () => viewer.text.includes(`echo: ${word}`));
  viewer.close();
}

it("keeps a server running over a kill of the agent", async () => {
  await panel.killAgent();
  await stillTheSameGame();
});

it("keeps a server running over a kill of the Worker", async () => {
  await panel.killWorker();
  await stillTheSameGame();
});

it("keeps a server running over a kill of both", async () => {
  await Promise.all([panel.killAgent(), panel.killWorker()]);
  await stillTheSameGame();
});

it("keeps a server running over Ctrl-C and another start", async () => {
  panel = await panel.restart();
  await stillTheSameGame();
});
