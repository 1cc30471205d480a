import { afterAll, beforeAll, expect, it } from "vitest";
import type { AuditEntry } from "../protocol/api/audit.ts";
import type { ServerCrash, ServerDetail } from "../protocol/api/servers.ts";
import { containerTemplate } from "./world/container-template.ts";
import { Panel } from "./world/panel.ts";
import { until } from "./world/until.ts";

let panel: Panel;
beforeAll(async () => {
  panel = await Panel.start({ runtime: "nerdctl" });
});
afterAll(() => panel?.stop());

it.each([
  [
    "a segmentation fault",
    "kill -SEGV $$",
    { exitCode: 139, signal: "SIGSEGV", oomKilled: false },
    /^It was ended by SIGSEGV\.$/,
  ],
  [
    "want of memory",
    "exec awk 'BEGIN { s = \"x\"; while (1) s = s s }'",
    { exitCode: 137, signal: "SIGKILL", oomKilled: true },
    /^It used more memory/,
  ],
  ["an exit with a code", "exit 42", { exitCode: 42, signal: null, oomKilled: false }, /^It exited with code 42\.$/],
])("a container's end by %s is told apart in the API and the activity log", async (_what, startup, end, words) => {
  const templateId = `ends-with-${end.exitCode}`;
  const changes = { id: templateId, name: templateId, startup: `echo about to end; ${startup}` };
  await containerTemplate(panel, "echo", "catalyst-test/echo:1", changes);
  const id = await panel.createServer({ templateId, restartPolicy: "never", allocatedMemoryMb: 32 });
  await panel.must("POST", `/api/servers/${id}/start`);
  await panel.waitForState(id, "crashed", 30_000);
  const server = await panel.must<ServerDetail>("GET", `/api/servers/${id}`);
  expect(server).toMatchObject({ ...end, crashCount: 1, statusReason: expect.stringMatching(words) });
  let crashes: ServerCrash[] = [];
  await until("the crash is on record", async () => {
    crashes = await panel.must<ServerCrash[]>("GET", `/api/servers/${id}/crashes`);
    return crashes.length > 0;
  });
  expect(crashes).toMatchObject([{ ...end, restartAt: null, lastLines: expect.stringContaining("about to end") }]);
  const activity = await panel.must<AuditEntry[]>("GET", `/api/servers/${id}/activity`);
  const told = activity.filter((entry) => entry.action === "server.crashed");
  expect(told.map((entry) => entry.details)).toMatchObject([end]);
});
