import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { bundleAgent } from "./build-agent.ts";

/** What a node holds in memory of it as long as the agent runs: a library that is added shows here. */
const BUNDLE_MAX_BYTES = 1_100_000;

let folder: string;
let bundle: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "catalyst-bundle-"));
  bundle = join(folder, "catalyst-agent.mjs");
  await bundleAgent(bundle);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("the bundle is small, and runs with nothing beside it", () => {
  expect(statSync(bundle).size).toBeLessThan(BUNDLE_MAX_BYTES);
  const { status, stdout } = spawnSync(process.execPath, [bundle, "version"], { encoding: "utf8", cwd: folder });
  expect(status).toBe(0);
  expect(stdout).toMatch(/^\d+\.\d+\.\d+/);
});

test("it says what is wrong in English, and carries no other language", () => {
  const file = join(folder, "config.toml");
  writeFileSync(file, '[panel]\nurl = "http://x"\ncolour = 1\n', { mode: 0o600 });
  const { status, stderr } = spawnSync(process.execPath, [bundle, "run", "--config", file], { encoding: "utf8" });
  expect(status).toBe(1);
  expect(stderr).toContain('Unrecognized key: "colour"');
  expect(readFileSync(bundle, "utf8")).not.toContain("Eingabe");
});
