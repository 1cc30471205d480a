import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { generateDrizzleJson, generateMigration } from "drizzle-kit/api";
import { expect, it } from "vitest";
import * as schema from "./schema/index.ts";

const folder = join(import.meta.dirname, "migrations");
const read = (file: string) => JSON.parse(readFileSync(join(folder, "meta", file), "utf8"));
const entries: { idx: number; tag: string; when: number }[] = read("_journal.json").entries;

it("every migration is in the journal, in order", () => {
  const files = readdirSync(folder).filter((file) => file.endsWith(".sql"));
  expect(files.sort()).toEqual(entries.map(({ tag }) => `${tag}.sql`));
  expect(entries.map(({ idx }) => idx)).toEqual(entries.map((_, index) => index));
});

it("each was made after the one before: an installation skips what is older than the last it ran", () => {
  const times = entries.map(({ when }) => when);
  expect(times).toEqual([...times].sort((a, b) => a - b));
  expect(new Set(times).size).toBe(times.length);
});

it("together they make the schema", async () => {
  const before = read(`${String(entries.length - 1).padStart(4, "0")}_snapshot.json`);
  const after = generateDrizzleJson(schema as Record<string, unknown>, before.id);
  expect(await generateMigration(before, after)).toEqual([]);
});
