import { afterAll, beforeAll, expect, it } from "vitest";
import type { AuditEntry } from "../protocol/api/audit.ts";
import type { ServerCrash, ServerDetail } from "../protocol/api/servers.ts";
import { launchBrowser, shoot, signedInPage } from "./world/browser.ts";
import { containerTemplate } from "./world/container-template.ts";
import { Panel } from "./world/panel.ts";
import { until } from "./world/until.ts";

let panel: Panel;
beforeAll(async () => {
  panel = await Panel.start({ runtime: "nerdctl" });
});
afterAll(() => panel?.stop());

/** How each game ends, by the name of its server, and what its owner reads of it: at once, and in the activity. */
const ENDS = [
  {
    what: "a segmentation fault",
    startup: "kill -SEGV $$",
    end: { status: "crashed", exitCode: 139, signal: "SIGSEGV", oomKilled: false, crashCount: 1 },
    words: "It was ended by SIGSEGV.",
  },
  {
    what: "want of memory",
    startup: "exec awk 'BEGIN { s = \"x\"; while (1) s = s s }'",
    end: { status: "crashed", exitCode: 137, signal: "SIGKILL", oomKilled: true, crashCount: 1 },
    words: "It used more memory than its limit and was ended.",
  },
  {
    what: "an exit with a code",
    startup: "exit 42",
    end: { status: "crashed", exitCode: 42, signal: null, oomKilled: false, crashCount: 1 },
    words: "It exited with code 42.",
  },
  {
    what: "an end of its own",
    startup: "echo echo server ready; sleep 2",
    end: { status: "stopped", exitCode: 0, signal: null, oomKilled: false, crashCount: 0 },
    words: "It ended by itself.",
    activity: "It ended by itself, with code 0.",
  },
];
const servers = new Map<string, string>();

it.each(ENDS)("$what of a container is told apart in the API and the activity log", async (game) => {
  const { what, startup, end, words } = game;
  const templateId = `ends-${servers.size}`;
  const changes = { id: templateId, name: templateId, startup: `echo about to end; ${startup}` };
  await containerTemplate(panel, "echo", "catalyst-test/echo:1", changes);
  const id = await panel.createServer({ name: what, templateId, restartPolicy: "never", allocatedMemoryMb: 32 });
  servers.set(what, id);
  await panel.waitForState(id, "stopped");
  await panel.must("POST", `/api/servers/${id}/start`);
  const view = () => panel.must<ServerDetail>("GET", `/api/servers/${id}`);
  await until("the end is known", async () => (await view()).exitCode !== null, 60_000);
  expect(await view()).toMatchObject({ ...end, statusReason: words });

  const crashed = end.status === "crashed";
  const action = crashed ? "server.crashed" : "server.ended";
  let told: AuditEntry[] = [];
  await until("the end is in the activity", async () => {
    const activity = await panel.must<AuditEntry[]>("GET", `/api/servers/${id}/activity`);
    told = activity.filter((entry) => ["server.crashed", "server.ended"].includes(entry.action));
    return told.length > 0;
  });
  const { exitCode, signal, oomKilled } = end;
  expect(told).toMatchObject([{ action, details: crashed ? { exitCode, signal, oomKilled } : { exitCode } }]);
  const crashes = await panel.must<ServerCrash[]>("GET", `/api/servers/${id}/crashes`);
  const kept = { exitCode, signal, oomKilled, restartAt: null, lastLines: expect.stringContaining("about to end") };
  expect(crashes).toMatchObject(crashed ? [kept] : []);
});

it("and in the panel: on the server's page, among its crashes and in its activity", async () => {
  const browser = await launchBrowser();
  const errors: string[] = [];
  try {
    const page = await signedInPage(
      browser,
      panel.url,
      { email: panel.ready.adminEmail, password: panel.ready.adminPassword },
      errors,
    );
    for (const { what, words, activity = words, end } of ENDS) {
      await page.goto(`${panel.url}/servers/${servers.get(what)}`);
      await page.getByText(words.replace(/\.$/, "")).first().waitFor();
      await page.getByRole("link", { name: "Crashes" }).click();
      const crashes = page.getByRole("region", { name: "Crashes" });
      if (end.status === "crashed") await crashes.getByText(words.replace(/\.$/, "")).first().waitFor();
      else await page.getByText("None since the last start by hand.").waitFor();
      await shoot(page, `crashes-${what.replaceAll(" ", "-")}`);
      await page.getByRole("link", { name: "Activity" }).click();
      // Once in the column of details, once below the name on narrow screens.
      const told = page.getByText(activity.replace(/\.$/, "")).filter({ visible: true });
      await told.first().waitFor();
    }
    await shoot(page, "activity-of-an-end");
    expect(errors).toEqual([]);
  } finally {
    await browser.close();
  }
});
