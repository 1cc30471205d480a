import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { AuditEntry } from "../protocol/api/audit.ts";
import type { ServerCrash, ServerDetail } from "../protocol/api/servers.ts";
import { Panel } from "./world/panel.ts";
import { templateCopy } from "./world/template-copy.ts";
import { until } from "./world/until.ts";

let panel: Panel;
beforeAll(async () => {
  panel = await Panel.start();
});
afterAll(() => panel?.stop());

const view = (id: string) => panel.must<ServerDetail>("GET", `/api/servers/${id}`);
const crashes = (id: string) => panel.must<ServerCrash[]>("GET", `/api/servers/${id}/crashes`);
/** Lines of the activity about ends that are no crash. */
const ends = async (id: string) =>
  (await panel.must<AuditEntry[]>("GET", `/api/servers/${id}/activity`)).filter(
    ({ action }) => action === "server.ended",
  );
const type = (id: string, command: string) => panel.must("POST", `/api/servers/${id}/command`, { command });

/** Waits for a view of the server that a test describes. */
async function seen(id: string, what: string, holds: (server: ServerDetail) => boolean): Promise<ServerDetail> {
  let server = await view(id);
  const look = async () => {
    server = await view(id);
    return holds(server);
  };
  await until(what, look, 20_000);
  return server;
}

describe("a game that crashes", () => {
  it("is started again, later and later, until it crashed too often; a start forgives it", async () => {
    const id = await panel.createServer();
    await panel.must("PATCH", `/api/servers/${id}/restart-policy`, { policy: "on-failure", maxCrashes: 3 });
    await panel.startServer(id);
    await type(id, "exit 42");
    await seen(id, "the first crash", (server) => server.crashCount === 1);
    await panel.waitForState(id, "running");
    await type(id, "exit 42");
    const waiting = await seen(id, "the wait", (server) => server.crashCount === 2 && server.status === "crashed");
    expect(waiting.statusReason).toBe("It exited with code 42; restarting in 2 s.");
    expect(waiting).toMatchObject({ exitCode: 42, restartAt: expect.any(String) });
    await panel.waitForState(id, "running");
    await type(id, "exit 42");
    const given = await seen(id, "the end of restarts", (server) => server.crashCount === 3);
    expect(given).toMatchObject({ status: "crashed", restartAt: null, exitCode: 42 });
    expect(given.statusReason).toMatch(/code 42\. It crashed 3 times within 10 minutes and is not restarted any more/);

    const kept = await crashes(id);
    expect(kept.map((crash) => [crash.exitCode, crash.crashCount, crash.restartAt !== null])).toEqual([
      [42, 3, false],
      [42, 2, true],
      [42, 1, true],
    ]);
    const waits = kept.map((crash) => crash.restartAt && Date.parse(crash.restartAt) - Date.parse(crash.at));
    expect(waits[2]).toBeGreaterThanOrEqual(1_000);
    expect(waits[1]).toBeGreaterThanOrEqual(2_000);
    expect(kept[0]!.lastLines).toContain("echo server ready");
    const activity = await panel.must<AuditEntry[]>("GET", `/api/servers/${id}/activity`);
    const told = activity.filter((entry) => entry.action === "server.crashed");
    expect(told.map((entry) => entry.details.isRestarted)).toEqual([false, true, true]);

    await panel.startServer(id);
    expect((await view(id)).crashCount).toBe(0);
  });

  it("that ended by a signal is told from one that exited, and a stop takes the restart back", async () => {
    const templateId = await templateCopy(panel, "echo", "segfaults", {
      startup: "echo 'chunk 7 is broken'; kill -SEGV $$",
    });
    const id = await panel.createServer({ templateId });
    await panel.must("POST", `/api/servers/${id}/start`);
    const crashed = await seen(id, "the crash", (server) => server.crashCount >= 2 && server.status === "crashed");
    expect(crashed).toMatchObject({ exitCode: 139, signal: "SIGSEGV", oomKilled: false });
    expect(crashed.statusReason).toMatch(/^It was ended by SIGSEGV; restarting in \d+ s\.$/);
    expect((await panel.api("POST", `/api/servers/${id}/stop`)).status).toBe(202);
    const stopped = await seen(id, "the stop", (server) => server.status === "stopped");
    expect(stopped.restartAt).toBeNull();
    expect((await crashes(id))[0]).toMatchObject({
      signal: "SIGSEGV",
      lastLines: expect.stringContaining("chunk 7 is broken"),
    });
  });

  it("is left crashed by the policy never, and its count can be reset", async () => {
    const id = await panel.createServer({ restartPolicy: "never" });
    await panel.startServer(id);
    await type(id, "exit 3");
    const crashed = await seen(id, "the crash", (server) => server.status === "crashed");
    expect(crashed).toMatchObject({ crashCount: 1, restartAt: null, statusReason: "It exited with code 3." });
    await panel.must("POST", `/api/servers/${id}/reset-crash-count`);
    const reset = await seen(id, "the reset", (server) => server.crashCount === 0);
    expect(reset.status).toBe("crashed");
  });
});

describe("a game that ends with code 0", () => {
  it("is no crash: left stopped, and brought back by the policy always alone", async () => {
    const id = await panel.createServer();
    await panel.startServer(id);
    await type(id, "exit 0");
    const stopped = await seen(id, "the end", (server) => server.status === "stopped");
    expect(stopped).toMatchObject({ exitCode: 0, crashCount: 0, restartAt: null });
    await until("its end is in the activity", async () => (await ends(id)).length === 1);
    await panel.must("PATCH", `/api/servers/${id}/restart-policy`, { policy: "always" });
    await panel.startServer(id);
    const { startedAt } = await view(id);
    await type(id, "exit 0");
    await seen(id, "the next run", (server) => server.status === "running" && server.startedAt !== startedAt);
    expect(await crashes(id)).toEqual([]);
    await panel.must("POST", `/api/servers/${id}/stop`);
    await panel.waitForState(id, "stopped");
    expect(await ends(id)).toHaveLength(1);
  });
});

it("a restart that is waited for comes true though the agent is killed meanwhile", async () => {
  const id = await panel.createServer();
  await panel.startServer(id);
  await type(id, "exit 42");
  await seen(id, "the crash", (server) => server.crashCount === 1);
  await panel.killAgent();
  await panel.waitForState(id, "running");
  expect(await crashes(id)).toHaveLength(1);
});
