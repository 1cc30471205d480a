import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ConsoleViewer } from "./world/console-viewer.ts";
import { Panel } from "./world/panel.ts";
import { templateCopy } from "./world/template-copy.ts";
import { until } from "./world/until.ts";

let panel: Panel;
beforeAll(async () => {
  panel = await Panel.start();
});
afterAll(() => panel?.stop());

interface ServerView {
  status: string;
  statusReason: string | null;
  exitCode: number | null;
  primaryPort: number;
}
const view = (id: string) => panel.must<ServerView>("GET", `/api/servers/${id}`);

describe("a power request out of turn", () => {
  it("is told that a running server runs already", async () => {
    const id = await panel.createServer();
    await panel.startServer(id);
    const answer = await panel.api("POST", `/api/servers/${id}/start`);
    expect([answer.status, answer.body.code]).toEqual([409, "SERVER_ALREADY_RUNNING"]);
  });

  it("is told that a stopped server does not run", async () => {
    const id = await panel.createServer();
    await panel.waitForState(id, "stopped");
    const answer = await panel.api("POST", `/api/servers/${id}/stop`);
    expect([answer.status, answer.body.code]).toEqual([409, "SERVER_NOT_RUNNING"]);
  });

  it("starts once when two people press Start at the same moment", async () => {
    const id = await panel.createServer();
    const viewer = new ConsoleViewer(panel, id);
    await viewer.connect();
    const answers = await Promise.all([1, 2, 3].map(() => panel.api("POST", `/api/servers/${id}/start`)));
    expect(answers.some((answer) => answer.status < 300)).toBe(true);
    await panel.waitForState(id, "running");
    await panel.must("POST", `/api/servers/${id}/command`, { command: "said last" });
    await until("the server's answer", () => viewer.text.includes("echo: said last"));
    expect(viewer.text.match(/echo server ready/g)).toHaveLength(1);
    viewer.close();
  });
});

describe("a start right after a change", () => {
  it("starts what the change made of the server, each time", async () => {
    const id = await panel.createServer();
    for (let round = 1; round <= 10; round++) {
      const startup = `echo run of round ${round}.; echo 'echo server ready'; cat`;
      await panel.must("PATCH", `/api/servers/${id}`, { startup });
      await panel.startServer(id);
      const { data } = await panel.must<{ data: string }>("GET", `/api/servers/${id}/logs`);
      expect(data.match(/run of round \d+\./g)?.at(-1)).toBe(`run of round ${round}.`);
      await panel.must("POST", `/api/servers/${id}/kill`);
      await panel.waitForState(id, "stopped");
    }
  });
});

describe("a server that fails", () => {
  it("tells a crash from a clean exit, with the exit code", async () => {
    const id = await panel.createServer({ restartPolicy: "never" });
    await panel.startServer(id);
    await panel.must("POST", `/api/servers/${id}/command`, { command: "exit 42" });
    await panel.waitForState(id, "crashed");
    expect(await view(id)).toMatchObject({ status: "crashed", exitCode: 42 });
    await panel.startServer(id);
    await panel.must("POST", `/api/servers/${id}/command`, { command: "exit 0" });
    await panel.waitForState(id, "stopped");
    expect((await view(id)).exitCode).toBe(0);
  });

  it("that exits at once is crashed, and can be started again", async () => {
    const templateId = await templateCopy(panel, "echo", "exits-at-once", { startup: "exit 3" });
    const id = await panel.createServer({ templateId, restartPolicy: "never" });
    await panel.must("POST", `/api/servers/${id}/start`);
    await panel.waitForState(id, "crashed");
    expect((await view(id)).exitCode).toBe(3);
    expect((await panel.api("POST", `/api/servers/${id}/start`)).status).toBeLessThan(300);
  });

  it("shows why an install failed, and installs anew when asked", async () => {
    const failing = await templateCopy(panel, "echo", "install-fails", { installScript: "echo no luck; exit 7" });
    const id = await panel.createServer({ templateId: failing });
    await panel.waitForState(id, "error");
    expect((await view(id)).statusReason).toMatch(/install.*7/i);
    const logs = await panel.must<{ data: string }>("GET", `/api/servers/${id}/logs`);
    expect(logs.data).toContain("no luck");
    expect((await panel.api("POST", `/api/servers/${id}/reinstall`)).status).toBe(202);
    await until("the second install has run", async () => {
      const again = await panel.must<{ data: string }>("GET", `/api/servers/${id}/logs`);
      return again.data.match(/no luck/g)?.length === 2;
    });
  });

  it("ends an install that hangs at its deadline", async () => {
    const hanging = await templateCopy(panel, "echo", "install-hangs", {
      installScript: "sleep 600",
      installTimeoutSeconds: 1,
    });
    const id = await panel.createServer({ templateId: hanging });
    await panel.waitForState(id, "error");
    expect((await view(id)).statusReason).toMatch(/install.*1 s|time/i);
  });

  it("that ignores its stop command is ended after its grace time", async () => {
    const stubborn = await templateCopy(panel, "echo", "stubborn", {
      startup: "trap '' TERM INT; echo 'echo server ready'; while :; do sleep 1; done",
      stopCommand: "please",
      stopTimeoutSeconds: 1,
    });
    const id = await panel.createServer({ templateId: stubborn });
    await panel.startServer(id);
    await panel.must("POST", `/api/servers/${id}/stop`);
    await panel.waitForState(id, "stopped", 30_000);
  });
});

describe("a console line", () => {
  it.each([
    ["longer than 32 KiB", "x".repeat(33 * 1024)],
    ["with a line break", "one\ntwo"],
    ["with a control character", "bell\u0007"],
  ])("%s is refused by name and reaches nobody", async (_what, command) => {
    const id = await panel.createServer();
    await panel.startServer(id);
    const answer = await panel.api("POST", `/api/servers/${id}/command`, { command });
    expect([answer.status, answer.body.code]).toEqual([400, "VALIDATION"]);
    expect(answer.body.details?.[0]?.path).toBe("command");
    await panel.must("POST", `/api/servers/${id}/command`, { command: "still here" });
    const viewer = new ConsoleViewer(panel, id);
    await viewer.connect();
    await until("the server answers", () => viewer.text.includes("echo: still here"));
    expect(viewer.text.match(/^echo: /gm)).toHaveLength(1);
    viewer.close();
  });

  it("to a stopped server is refused", async () => {
    const id = await panel.createServer();
    await panel.waitForState(id, "stopped");
    const answer = await panel.api("POST", `/api/servers/${id}/command`, { command: "hello" });
    expect([answer.status, answer.body.code]).toEqual([409, "SERVER_NOT_RUNNING"]);
  });
});

describe("creating a server", () => {
  const base = { name: "x", templateId: "echo", allocatedMemoryMb: 64, allocatedCpuCores: 0.5, allocatedDiskMb: 128 };
  const create = (changes: Record<string, unknown>) =>
    panel.api<ServerView>("POST", "/api/servers", { ...base, nodeId: panel.nodeId, ...changes });

  it.each<[string, Record<string, unknown>, number, string]>([
    ["an unknown field", { surprise: 1 }, 400, "VALIDATION"],
    ["a missing name", { name: undefined }, 400, "VALIDATION"],
    ["a node that cannot exist", { nodeId: "NO SUCH" }, 400, "VALIDATION"],
    ["a node that does not exist", { nodeId: "no-such-node" }, 404, "NOT_FOUND"],
    ["an unknown template", { templateId: "no-such-template" }, 404, "NOT_FOUND"],
    ["an unknown variable", { environment: { NO_SUCH: "1" } }, 400, "VALIDATION"],
    ["a reserved variable", { environment: { SERVER_PORT: "1" } }, 400, "VALIDATION"],
    ["a port out of range", { primaryPort: 70_000 }, 400, "VALIDATION"],
    ["more memory than the node has", { allocatedMemoryMb: 1_000_000 }, 409, "INSUFFICIENT_RESOURCES"],
  ])("refuses %s", async (_what, changes, status, code) => {
    const answer = await create(changes);
    expect([answer.status, answer.body.code]).toEqual([status, code]);
    expect(answer.body.error).toMatch(/\w/);
  });

  it("gives a port to one of two who ask at the same moment", async () => {
    const answers = await Promise.all([1, 2].map(() => create({ primaryPort: 28_123 })));
    expect(answers.map((answer) => answer.status).sort()).toEqual([201, 409]);
    expect(answers.find((answer) => answer.status === 409)!.body.code).toBe("PORT_IN_USE");
  });

  it("allows two servers of one owner with the same name", async () => {
    expect((await create({ name: "twin" })).status).toBe(201);
    expect((await create({ name: "twin" })).status).toBe(201);
  });
});

it("answers an impossible id with 404 everywhere", async () => {
  for (const path of [
    "/api/servers/%00",
    "/api/servers/..%2f..%2fetc",
    "/api/nodes/'; drop table nodes",
    "/api/templates/X Y",
  ]) {
    expect((await panel.api("GET", path)).status, path).toBe(404);
  }
});
