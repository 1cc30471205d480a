/**
 * Pictures of every page, wide and narrow, dark and light, for looking at:
 * `node web/testing/dev/screenshots.ts http://127.0.0.1:3999 /tmp/shots [name parts, by commas]`.
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { DESKTOP, launchChromium, PHONE } from "../../../tests/world/chromium.ts";
import { namelessControls, tooWide } from "../../../tests/world/page-checks.ts";

const [base = "http://127.0.0.1:3999", folder = "/tmp/shots", only = ""] = process.argv.slice(2);
mkdirSync(folder, { recursive: true });
const isWanted = (name: string) => only.split(",").some((part) => name.includes(part));

const PAGES: [string, string, ((page: Page) => Promise<unknown>)?][] = [
  ["dashboard", "/", (page) => page.getByText("Survival with friends").waitFor()],
  [
    "create",
    "/servers/new",
    async (page) => {
      await page.getByRole("radio", { name: "Minecraft: Paper" }).click();
      await page.getByRole("radio", { name: "rack-1" }).click();
    },
  ],
  [
    "create-errors",
    "/servers/new",
    async (page) => {
      await page.getByRole("radio", { name: "Minecraft: Paper" }).click();
      await page.getByRole("radio", { name: "rack-1" }).click();
      await page.getByRole("button", { name: "Create server" }).click();
      await page.getByText("is required").first().waitFor();
    },
  ],
  ["console", "/servers/srv-1", (page) => page.getByText("Live", { exact: true }).waitFor()],
  [
    "console-scrolled",
    "/servers/srv-1",
    async (page) => {
      await page.getByText("Live", { exact: true }).waitFor();
      await page.keyboard.press("Control+f");
      await page.getByLabel("Search text").fill("alex");
      await page.locator(".xterm-screen").hover();
      await page.mouse.wheel(0, -400);
      await page.getByText("Jump to latest").waitFor();
    },
  ],
  [
    "console-gap",
    "/servers/srv-1",
    async (page) => {
      await page.getByLabel("Console command").fill("skip");
      await page.keyboard.press("Enter");
      await page.getByText("went by too fast").waitFor();
    },
  ],
  ["installing", "/servers/srv-6", (page) => page.getByText("Cancel installation").waitFor()],
  [
    "reinstall",
    "/servers/srv-5/settings",
    async (page) => {
      await page.getByRole("button", { name: "Reinstall" }).click();
      await page.getByRole("switch").click();
      await page.getByLabel("Type Tests to confirm").waitFor();
    },
  ],
  ["network", "/servers/srv-1/network", (page) => page.getByText("Applies at next start").first().waitFor()],
  ["console-crashed", "/servers/srv-4"],
  ["console-offline", "/servers/srv-7", (page) => page.getByText("Node offline", { exact: true }).waitFor()],
  [
    "kill",
    "/servers/srv-1",
    async (page) => {
      await page.getByRole("button", { name: "Kill" }).click();
      await page.getByRole("alertdialog").waitFor();
    },
  ],
  ["activity", "/servers/srv-1/activity"],
  ["crashes", "/servers/srv-4/crashes", (page) => page.getByText("Last console lines").first().click()],
  ["access", "/servers/srv-1/access", (page) => page.getByText("alex@example.com").waitFor()],
  ["suspended", "/servers/srv-8"],
  ["node-maintenance", "/nodes/node-2"],
  ["crashes-none", "/servers/srv-1/crashes"],
  ["settings", "/servers/srv-1/settings"],
  [
    "settings-limits",
    "/servers/srv-1/settings",
    async (page) => {
      await page.getByText("Advanced limits").click();
      await page.getByLabel("CPU pinning").scrollIntoViewIfNeeded();
    },
  ],
  ["nodes", "/nodes"],
  [
    "update-all",
    "/nodes",
    async (page) => {
      await page.getByRole("button", { name: "Update all agents" }).click();
      await page.getByRole("button", { name: /^Update \d/ }).click();
      await page.getByText("Failed").waitFor();
    },
  ],
  ["ports", "/nodes/node-1", (page) => page.getByLabel("Search ports").scrollIntoViewIfNeeded()],
  ["pools", "/nodes/node-1", (page) => page.getByRole("region", { name: "IP pools" }).scrollIntoViewIfNeeded()],
  [
    "pool-add",
    "/nodes/node-1",
    async (page) => {
      await page.getByRole("button", { name: "Add pool" }).click();
      await page.getByRole("combobox", { name: "Kind" }).click();
      await page.getByRole("option", { name: /macvlan/ }).click();
    },
  ],
  [
    "create-pool",
    "/servers/new",
    async (page) => {
      await page.getByRole("radio", { name: "Minecraft: Paper" }).click();
      await page.getByRole("radio", { name: "rack-1" }).click();
      await page.getByRole("combobox", { name: "Network" }).click();
      await page.getByRole("option", { name: /Public games/ }).click();
      await page.getByLabel("Address").scrollIntoViewIfNeeded();
    },
  ],
  ["disk-full", "/servers/srv-5/activity", (page) => page.getByText("over its limit").waitFor()],
  [
    "settings-disk",
    "/servers/srv-1/settings",
    (page) => page.getByRole("textbox", { name: "Disk" }).scrollIntoViewIfNeeded(),
  ],
  ["node", "/nodes/node-1", (page) => page.getByText("load").waitFor()],
  [
    "node-update",
    "/nodes/node-1",
    async (page) => {
      await page.getByRole("button", { name: "Update agent" }).click();
      await page.getByRole("alertdialog").waitFor();
    },
  ],
  ["node-update-failed", "/nodes/node-2", (page) => page.getByText("could not be updated").waitFor()],
  ["add-node", "/nodes?add"],
  [
    "add-node-command",
    "/nodes?add",
    async (page) => {
      await page.getByLabel("Name", { exact: true }).fill("attic");
      await page.getByLabel("Address for players").fill("192.0.2.44");
      await page.getByRole("button", { name: "Continue" }).click();
      await page.getByText("curl").waitFor();
    },
  ],
  ["templates", "/templates"],
  ["account", "/account"],
  ["users", "/users"],
  ["audit", "/audit"],
  ["missing", "/nowhere"],
];

const browser = await launchChromium();
const problems = new Set<string>();
try {
  for (const [size, viewport] of [
    ["wide", DESKTOP],
    ["phone", PHONE],
  ] as const) {
    for (const colorScheme of ["dark", "light"] as const) {
      const context = await browser.newContext({ viewport, colorScheme, hasTouch: size === "phone" });
      const page = await context.newPage();
      page.on("console", (message) => message.type() === "error" && problems.add(message.text()));
      page.on("pageerror", (error) => problems.add(String(error)));
      const shoot = async (name: string) => {
        await page.waitForTimeout(500);
        await page.screenshot({ path: join(folder, `${name}-${size}-${colorScheme}.png`) });
        for (const words of await page.evaluate(tooWide)) problems.add(`${name} ${size}: ${words}`);
        for (const words of await page.evaluate(namelessControls)) problems.add(`${name}: no name: ${words}`);
      };
      await page.request.post(`${base}/api/auth/logout`);
      await page.goto(`${base}/sign-in`);
      await page.getByLabel("E-mail").waitFor();
      if (isWanted("sign-in")) await shoot("sign-in");
      await page.getByLabel("E-mail").fill("admin@example.com");
      await page.getByLabel("Password").fill("a long password");
      await page.getByRole("button", { name: "Sign in" }).click();
      await page.getByRole("heading", { name: "Servers" }).waitFor();
      for (const [name, path, prepare] of PAGES) {
        if (!isWanted(name)) continue;
        await page.goto(base + path);
        await page.locator("h1, h2").first().waitFor();
        await prepare?.(page).catch((error: Error) => problems.add(`${name} ${size}: ${error.message.split("\n")[0]}`));
        await shoot(name);
      }
      await context.close();
    }
  }
} finally {
  await browser.close();
}
for (const problem of problems) console.log(problem);
