/** A browser for tests of the panel, and pictures of its pages at both widths for a person to look at. */
import { mkdirSync } from "node:fs";
import type { Browser, Page } from "playwright-core";
import { expect } from "vitest";
import { DESKTOP, launchChromium, PHONE } from "./chromium.ts";
import { namelessControls, tooWide } from "./page-checks.ts";

const SHOTS = ".screenshots";

export function launchBrowser(): Promise<Browser> {
  mkdirSync(SHOTS, { recursive: true });
  return launchChromium();
}

/** A browser of its own for one person, signed in. Script errors of its pages are kept in `errors`. */
export async function signedInPage(
  browser: Browser,
  url: string,
  who: { email: string; password: string },
  errors: string[],
): Promise<Page> {
  const context = await browser.newContext({ viewport: DESKTOP });
  const page = await context.newPage();
  page.on("pageerror", (error) => errors.push(String(error)));
  await page.goto(url);
  await page.getByLabel("E-mail").fill(who.email);
  await page.getByLabel("Password", { exact: true }).fill(who.password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page
    .getByRole("heading", { name: /servers/i })
    .first()
    .waitFor();
  return page;
}

/** A picture of the page at both widths; no page or dialog may be wider than its screen, and no control without a name. */
export async function shoot(page: Page, name: string): Promise<void> {
  for (const [device, size] of Object.entries({ desktop: DESKTOP, phone: PHONE })) {
    await page.setViewportSize(size);
    await page.screenshot({ path: `${SHOTS}/${name}-${device}.png` });
    expect(await page.evaluate(tooWide), `${name} on a ${device} scrolls sideways`).toEqual([]);
  }
  expect(await page.evaluate(namelessControls), `${name} has controls that a screen reader cannot name`).toEqual([]);
  await page.setViewportSize(DESKTOP);
}
