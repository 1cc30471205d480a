import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { launchBrowser, shoot, signedInPage } from "./world/browser.ts";
import { type Member, member } from "./world/member.ts";
import { PASSWORD, Panel } from "./world/panel.ts";

let panel: Panel;
let browser: Browser;
let owner: Member;
let friend: Member;
let ofOwner: Page;
let ofFriend: Page;
let ofAdmin: Page;
let serverId: string;
const errors: string[] = [];

beforeAll(async () => {
  panel = await Panel.start();
  browser = await launchBrowser();
  owner = await member(panel, "olivia");
  friend = await member(panel, "frank");
  serverId = await panel.createServer({ name: "Skyblock", ownerId: owner.id });
  await panel.startServer(serverId);
  ofOwner = await signedInPage(browser, panel.url, owner, errors);
  ofFriend = await signedInPage(browser, panel.url, friend, errors);
  ofAdmin = await signedInPage(browser, panel.url, { email: "admin@example.com", password: PASSWORD }, errors);
});
afterAll(async () => {
  await browser?.close();
  await panel?.stop();
});

it("an owner gives somebody access by e-mail, and a wrong address is said in words", async () => {
  await ofOwner.getByText("Skyblock").first().click();
  await ofOwner.getByRole("link", { name: "Access" }).click();
  await ofOwner.getByText("Nobody else has access").waitFor();
  await shoot(ofOwner, "access-empty");
  await ofOwner.getByRole("button", { name: "Give access" }).click();
  const dialog = ofOwner.getByRole("dialog");
  await dialog.getByLabel("E-mail").fill("nobody@example.com");
  await dialog.getByRole("button", { name: "Give access" }).click();
  await dialog.getByText("Nobody with this address has an account here").waitFor();
  await dialog.getByLabel("E-mail").fill(friend.email);
  await shoot(ofOwner, "access-give");
  await dialog.getByRole("button", { name: "Give access" }).click();
  await ofOwner.getByText("frank", { exact: true }).waitFor();
  await dialog.waitFor({ state: "detached" });
  await ofOwner.getByText("Viewer", { exact: true }).waitFor();
  await shoot(ofOwner, "access");
});

it("a viewer sees the server and its console, and can press and open nothing else", async () => {
  await ofFriend.reload();
  await ofFriend.getByText("Skyblock").first().click();
  await ofFriend.getByPlaceholder("You may read this console, not write to it.").waitFor();
  const stop = ofFriend.getByRole("button", { name: "Stop", exact: true });
  expect(await stop.getAttribute("aria-description")).toBe("You may not do this.");
  const sections = ofFriend.getByRole("navigation", { name: "Sections of this server" });
  expect(await sections.getByRole("link", { name: "Access" }).count()).toBe(0);
  await shoot(ofFriend, "as-viewer");
});

it("the owner makes them an operator with one permission less, which holds at once", async () => {
  await ofOwner.getByRole("button", { name: "Change" }).click();
  const dialog = ofOwner.getByRole("dialog");
  await dialog.getByRole("combobox", { name: "Access" }).click();
  await ofOwner.getByRole("option", { name: "Operator" }).click();
  await dialog.getByLabel("Kill").uncheck();
  await shoot(ofOwner, "access-change");
  await dialog.getByRole("button", { name: "Save" }).click();
  await ofOwner.getByText("18 permissions", { exact: true }).waitFor();
  await ofFriend.reload();
  await ofFriend.getByRole("button", { name: "Stop", exact: true }).click();
  await ofFriend.getByText("Stopped", { exact: true }).first().waitFor();
  const kill = ofFriend.getByRole("button", { name: "Kill", exact: true });
  expect(await kill.getAttribute("aria-description")).toBe("You may not do this.");
});

it("an administrator suspends the server with a reason: its owner reads it and finds everything closed", async () => {
  await ofAdmin.goto(`${panel.url}/servers/${serverId}/settings`);
  await ofAdmin.getByRole("button", { name: "Suspend" }).click();
  const dialog = ofAdmin.getByRole("dialog");
  await dialog.getByLabel("Reason").fill("The invoice of October is still open.");
  await shoot(ofAdmin, "suspend");
  await dialog.getByRole("button", { name: "Suspend server" }).click();
  await ofAdmin.getByText(/This server was suspended .* by admin/).waitFor();
  await shoot(ofAdmin, "suspended-as-staff");

  await ofOwner.goto(`${panel.url}/servers/${serverId}`);
  await ofOwner.getByText("The invoice of October is still open.").waitFor();
  await ofOwner.getByText("The console is closed while the server is suspended.").waitFor();
  expect(await ofOwner.getByRole("button", { name: "Unsuspend" }).count()).toBe(0);
  const start = ofOwner.getByRole("button", { name: "Start", exact: true });
  expect(await start.getAttribute("aria-description")).toBe("The server is suspended.");
  await shoot(ofOwner, "suspended-as-owner");
  await ofOwner.getByRole("link", { name: "Settings" }).click();
  await ofOwner.getByText("Nothing can be changed").waitFor();

  await ofAdmin.getByRole("button", { name: "Unsuspend" }).click();
  await ofAdmin.getByText(/This server was suspended/).waitFor({ state: "detached" });
  await ofOwner.reload();
  await ofOwner.getByRole("button", { name: "Reinstall" }).waitFor();
});

it("the owner takes the access back, and the server is gone from the other's list", async () => {
  await ofOwner.getByRole("link", { name: "Access" }).click();
  await ofOwner.getByRole("button", { name: "Remove" }).click();
  await ofOwner.getByRole("button", { name: "Remove access" }).click();
  await ofOwner.getByText("Nobody else has access").waitFor();
  await ofFriend.goto(`${panel.url}/servers/${serverId}`);
  await ofFriend.getByText("There is no such server").waitFor();
});

it("a node is put under maintenance, its servers' pages say so, and it is drained", async () => {
  await ofAdmin.goto(`${panel.url}/nodes/${panel.nodeId}`);
  await ofAdmin.getByRole("button", { name: "Begin maintenance" }).click();
  await ofAdmin.getByLabel("Reason").fill("New disks go in. Back by six.");
  await shoot(ofAdmin, "maintenance-ask");
  await ofAdmin.getByRole("button", { name: "Stop servers and begin" }).click();
  await ofAdmin.getByText(/This node is under maintenance/).waitFor();
  await shoot(ofAdmin, "node-maintenance");
  await ofOwner.goto(`${panel.url}/servers/${serverId}`);
  await ofOwner.getByText("New disks go in. Back by six.").waitFor();
  const start = ofOwner.getByRole("button", { name: "Start", exact: true });
  expect(await start.getAttribute("aria-description")).toBe("The node is under maintenance.");
  await shoot(ofOwner, "server-maintenance");
  await ofOwner.goto(`${panel.url}/servers/new`);
  await ofOwner.getByText("Takes no new servers").waitFor();
  await shoot(ofOwner, "create-maintenance");
  await ofAdmin.getByRole("button", { name: "End maintenance" }).click();
  await ofAdmin.getByText(/This node is under maintenance/).waitFor({ state: "detached" });
});

it("an administrator gives a user another role", async () => {
  await ofAdmin.goto(`${panel.url}/users`);
  const row = ofAdmin.getByRole("row").filter({ hasText: "frank@example.com" });
  await row.getByRole("button", { name: "Roles" }).click();
  await ofAdmin.getByRole("dialog").getByLabel("Moderator").check();
  await shoot(ofAdmin, "roles");
  await ofAdmin.getByRole("button", { name: "Save" }).click();
  await row.getByText("Moderator", { exact: true }).locator("visible=true").first().waitFor();
  await shoot(ofAdmin, "users-with-roles");
});

it("had no script error", () => {
  expect(errors).toEqual([]);
});
