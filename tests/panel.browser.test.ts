import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { launchBrowser, shoot as shootPage } from "./world/browser.ts";
import { DESKTOP } from "./world/chromium.ts";
import { Panel } from "./world/panel.ts";

let panel: Panel;
let browser: Browser;
let context: BrowserContext;
let page: Page;

beforeAll(async () => {
  panel = await Panel.start();
  browser = await launchBrowser();
  context = await browser.newContext({ viewport: DESKTOP });
  page = await context.newPage();
  page.on("pageerror", (error) => pageErrors.push(String(error)));
});
afterAll(async () => {
  await browser?.close();
  await panel?.stop();
});

const pageErrors: string[] = [];
const FILL = Buffer.alloc(20 * 1024 * 1024);
/** As long as a name may be, with no place to break it. */
const LONG_NAME = "n".repeat(100);

const shoot = (name: string) => shootPage(page, name);
const consoleText = () =>
  page.evaluate(
    () => (window as unknown as { __catalystConsole?: { text(): string } }).__catalystConsole?.text() ?? "",
  );

it("signs in, after a wrong password was refused in words", async () => {
  await page.goto(panel.url);
  await page.evaluate(() => localStorage.setItem("catalyst.debug", "1"));
  await page.getByLabel("E-mail").fill("admin@example.com");
  await page.getByLabel("Password", { exact: true }).fill("not the password");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page
    .getByText(/do not match|incorrect|wrong/i)
    .first()
    .waitFor();
  await shoot("sign-in");
  await page.getByLabel("Password", { exact: true }).fill("correct horse battery");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page
    .getByRole("heading", { name: /servers/i })
    .first()
    .waitFor();
  await shoot("dashboard-empty");
});

it("creates an echo server from the form", async () => {
  await page
    .getByRole("link", { name: /create server/i })
    .first()
    .click();
  await page
    .getByRole("heading", { name: /create/i })
    .first()
    .waitFor();
  await page.getByLabel("Name", { exact: true }).fill("My first server");
  await page.getByText("Echo", { exact: true }).first().click();
  await page.getByLabel("Start when installed").uncheck();
  await shoot("create-server");
  await page.getByRole("button", { name: "Create server" }).click();
  await page.getByRole("heading", { name: "My first server" }).waitFor();
});

it("starts it, sees its output, types a line and sees the answer", async () => {
  await page.getByRole("button", { name: "Start", exact: true }).click();
  await expect.poll(consoleText, { timeout: 30_000 }).toContain("echo server ready");
  const input = page.getByLabel("Console command");
  await input.fill("hello from a browser");
  await input.press("Enter");
  await expect.poll(consoleText, { timeout: 10_000 }).toContain("echo: hello from a browser");
  await page.getByText("Running", { exact: true }).first().waitFor();
  await shoot("console");
});

it("shows the history after a reload", async () => {
  await page.reload();
  await expect.poll(consoleText, { timeout: 20_000 }).toContain("echo: hello from a browser");
});

it("says so when the connection is lost, and goes on by itself", async () => {
  await panel.killWorker();
  await panel.waitForNode();
  const input = page.getByLabel("Console command");
  await expect
    .poll(
      async () => {
        await input.fill("after the outage");
        await input.press("Enter");
        return consoleText();
      },
      { timeout: 30_000, interval: 1_000 },
    )
    .toContain("echo: after the outage");
});

it("has pages for nodes, templates, account, users and audit, each without an error", async () => {
  for (const [name, path] of Object.entries({
    dashboard: "/",
    nodes: "/nodes",
    node: `/nodes/${panel.nodeId}`,
    templates: "/templates",
    account: "/account",
    users: "/users",
    audit: "/audit",
  })) {
    await page.goto(panel.url + path);
    await page.getByRole("heading").first().waitFor();
    await page.waitForLoadState("networkidle");
    await shoot(name);
  }
  await page.goto(`${panel.url}/nodes`);
  await page
    .getByRole("button", { name: /add a node/i })
    .first()
    .click();
  const dialog = page.getByRole("dialog");
  await dialog.waitFor();
  await shoot("add-a-node");
  await dialog.getByLabel("Name", { exact: true }).fill(LONG_NAME);
  await dialog.getByLabel("Address for players").fill("192.0.2.44");
  await dialog.getByRole("button", { name: "Continue" }).click();
  await dialog.getByText("curl").waitFor();
  await shoot("add-a-node-command");
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });
  await page.emulateMedia({ colorScheme: "light" });
  await page.goto(panel.url);
  await page.getByText("My first server").first().waitFor();
  await shoot("dashboard-light");
  await page.emulateMedia({ colorScheme: "dark" });
});

it("has a node look at itself, and shows what it found", async () => {
  await page.goto(`${panel.url}/nodes/${panel.nodeId}`);
  const checks = page.getByRole("region", { name: "Health checks" });
  await checks.getByText("The process runtime isolates nothing").waitFor();
  const looked = page.waitForResponse((response) => response.url().endsWith("/preflight"));
  await checks.getByRole("button", { name: "Check again" }).click();
  expect((await looked).status()).toBe(200);
  await checks.getByText(/checks are good/).click();
  await checks.getByText("Agrees with the panel's.").waitFor();
  await shoot("health-checks");
});

it("stops the server", async () => {
  await page.goto(panel.url);
  await page.getByText("My first server").first().click();
  await page.getByRole("button", { name: "Stop", exact: true }).click();
  await page.getByText("Stopped", { exact: true }).first().waitFor();
  await shoot("stopped");
});

// A node without hard limits walks the files once in half a minute.
it("tells of a full disk on every section, also while the server is stopped", { timeout: 120_000 }, async () => {
  const [server] = await panel.must<{ id: string }[]>("GET", "/api/servers");
  await panel.must("PATCH", `/api/servers/${server!.id}`, { allocatedDiskMb: 16 });
  writeFileSync(join(panel.ready.dataDir, "nodes", panel.nodeId, "data", "servers", server!.id, "data", "world"), FILL);
  await page.goto(`${panel.url}/servers/${server!.id}/activity`);
  await page.getByText(/The disk is over its limit: .* of 16 MiB are used\./).waitFor({ timeout: 90_000 });
  await shoot("disk-full");
  await page.getByRole("link", { name: "Settings" }).click();
  await page.getByText(/The disk is over its limit/).waitFor();
  await shoot("settings");
});

it("had no script error and broke no rule of its content security policy", () => {
  expect(pageErrors).toEqual([]);
  expect(readFileSync("web/index.html", "utf8")).not.toMatch(/<script>/);
});
