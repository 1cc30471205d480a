import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { launchBrowser, shoot, signedInPage } from "./world/browser.ts";
import { fallBehind } from "./world/fall-behind.ts";
import { PASSWORD, Panel } from "./world/panel.ts";

let panel: Panel;
let browser: Browser;
let page: Page;
const errors: string[] = [];

beforeAll(async () => {
  panel = await Panel.start();
  browser = await launchBrowser();
  page = await signedInPage(browser, panel.url, { email: "admin@example.com", password: PASSWORD }, errors);
});
afterAll(async () => {
  await browser?.close();
  await panel?.stop();
});

const card = (name: string) => page.getByRole("region", { name, exact: true });
const openNode = () => page.goto(`${panel.url}/nodes/${panel.nodeId}`);

async function choose(label: string, option: RegExp | string): Promise<void> {
  await page.getByRole("combobox", { name: label, exact: true }).click();
  await page.getByRole("option", { name: option }).click();
}

it("makes a pool, after a range that is none was refused at its field", async () => {
  await openNode();
  await card("IP pools").getByText("This node has no pools.").waitFor();
  await card("IP pools").getByRole("button", { name: "Add pool" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Name").fill("Public games");
  await dialog.getByLabel("Range").fill("10.77.0.0");
  await dialog.getByRole("button", { name: "Add" }).click();
  await dialog.getByText("is not a network such as 10.50.0.0/24").waitFor();
  await shoot(page, "pool-refused");
  await dialog.getByLabel("Range").fill("10.77.0.0/29");
  await dialog.getByRole("button", { name: "Add" }).click();
  await dialog.waitFor({ state: "detached" });
  await card("IP pools").getByText("10.77.0.0/29").waitFor();
  await card("IP pools").getByText("0 used, 5 free").waitFor();
  await shoot(page, "pools");
});

async function fillServer(name: string): Promise<void> {
  await page.goto(`${panel.url}/servers/new`);
  await page.getByLabel("Name", { exact: true }).fill(name);
  await page.getByText("Echo", { exact: true }).first().click();
  await page.getByLabel("Start when installed").uncheck();
  await choose("Network", /Public games/);
  await page.getByLabel("Address").fill("10.77.0.4");
}

it("creates a server with an address of the pool, which its page shows; a taken one is refused in words", async () => {
  await fillServer("First of the pool");
  await shoot(page, "create-pool");
  await page.getByRole("button", { name: "Create server" }).click();
  await page.getByRole("heading", { name: "First of the pool" }).waitFor();
  await page.getByRole("link", { name: "Network" }).click();
  await card("Network").getByText("10.77.0.4 of Public games").waitFor();
  await shoot(page, "network-pool");

  await fillServer("Second of the pool");
  await page.getByRole("button", { name: "Create server" }).click();
  await page.getByText("is taken, or not one that this pool gives").waitFor();
  const address = page.getByLabel("Address");
  await expect.poll(() => address.evaluate((element) => element === document.activeElement)).toBe(true);
  await shoot(page, "create-pool-taken");
  await address.fill("");
  await page.getByRole("button", { name: "Create server" }).click();
  await page.getByRole("heading", { name: "Second of the pool" }).waitFor();

  await page.getByRole("link", { name: "Network" }).click();
  await card("Network").getByText("10.77.0.2 of Public games").waitFor();
  await card("Network").getByLabel("Address").fill("10.77.0.4");
  await card("Network").getByRole("button", { name: "Change network" }).click();
  await card("Network").getByText("is taken, or not one that this pool gives").waitFor();
});

it("finds ports by use, address and words, and removes a range of which used ones stay", async () => {
  const add = (body: object) => panel.must("POST", `/api/nodes/${panel.nodeId}/allocations`, body);
  await add({ ports: "31000-31004", notes: "for events" });
  await add({ ip: "127.0.0.2", ports: "31002-31003" });
  await panel.createServer({ name: "Holds a port", primaryPort: 31_001 });
  await openNode();
  const ports = card("Ports");
  const rows = (text: string) => ports.getByRole("row").filter({ hasText: text });
  await rows(":31004").waitFor();

  await choose("Use", "In use");
  await rows(":31000").waitFor({ state: "detached" });
  await rows("Holds a port").waitFor();
  await choose("Use", "All ports");
  await choose("Address", "127.0.0.2");
  await rows(":31000").waitFor({ state: "detached" });
  await rows("127.0.0.2:31003").waitFor();
  await shoot(page, "ports-filtered");
  await choose("Address", "Every address");
  await ports.getByLabel("Search ports").fill("events");
  await rows("127.0.0.2").first().waitFor({ state: "detached" });
  await ports.getByLabel("Search ports").fill("nothing of the kind");
  await ports.getByText("No port is like that.").waitFor();
  await ports.getByLabel("Search ports").fill("310");

  await ports.getByRole("button", { name: "Remove ports", exact: true }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Ports", { exact: true }).fill("31000-31003");
  await dialog.getByRole("button", { name: "Continue" }).click();
  await dialog.getByText("on every address of this node").waitFor();
  await shoot(page, "ports-remove");
  const isThere = await panel.must<unknown[]>("GET", `/api/nodes/${panel.nodeId}/allocations?q=31000`);
  expect(isThere, "nothing goes before it was confirmed").toHaveLength(1);
  await dialog.getByRole("button", { name: "Remove ports" }).click();
  await page.getByText("5 ports were removed. 1 port is used by a server and stays.").waitFor();
  await rows(":31000").waitFor({ state: "detached" });
  await rows(":31001").waitFor();
  await rows(":31004").waitFor();
});

it("keeps the keyboard inside a dialog, and gives it back to what opened the dialog", async () => {
  await openNode();
  const opener = page.getByRole("button", { name: "Edit", exact: true });
  await opener.press("Enter");
  await page.getByRole("dialog").waitFor();
  const isInside = () => page.evaluate(() => document.activeElement?.closest("[role=dialog]") !== null);
  for (let stop = 0; stop < 16; stop++) {
    expect(await isInside()).toBe(true);
    await page.keyboard.press("Tab");
  }
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await expect.poll(() => opener.evaluate((element) => element === document.activeElement)).toBe(true);
});

it("updates all agents that are behind, and offers it only while one is", { timeout: 120_000 }, async () => {
  const updateAll = page.getByRole("button", { name: "Update all agents" });
  await page.goto(`${panel.url}/nodes`);
  await page.getByText("node-1", { exact: true }).waitFor();
  expect(await updateAll.getAttribute("aria-description")).toBe("Every agent is up to date.");
  await updateAll.click({ force: true });
  expect(await page.getByRole("dialog").count()).toBe(0);

  await fallBehind(panel);
  await page.reload();
  await page.getByText("update available").first().waitFor();
  await updateAll.click();
  const dialog = page.getByRole("dialog");
  await dialog.getByText("Update available").waitFor();
  await dialog.getByRole("button", { name: "Update 1 agent" }).click();
  await dialog.getByText("Being updated").waitFor();
  await shoot(page, "update-all");
  await dialog.getByText("Up to date").waitFor({ timeout: 90_000 });
  await dialog.getByText("Close", { exact: true }).click();
  await dialog.waitFor({ state: "detached" });
  await expect.poll(() => updateAll.getAttribute("aria-description")).toBe("Every agent is up to date.");
});

it("had no script error", () => {
  expect(errors).toEqual([]);
});
