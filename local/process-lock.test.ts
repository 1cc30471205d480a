import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterEach, beforeEach, expect, it } from "vitest";

const LOCKS = 40;
const CONTENDERS = 4;
let folder: string;
const contenders: ChildProcess[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "catalyst-lock-"));
});
afterEach(() => {
  for (const child of contenders.splice(0)) child.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
});

/** Reaches for all locks, one every few milliseconds by the clock that all share, and says which it got. */
const CONTENDER = `
  import { tryLock } from ${JSON.stringify(join(import.meta.dirname, "process-lock.ts"))};
  console.log("ready");
  process.stdin.once("data", (startAt) => {
    const got = [];
    for (let index = 0; index < ${LOCKS}; index++) {
      while (Date.now() < Number(startAt) + index * 5);
      if ("release" in tryLock(${JSON.stringify("FOLDER")} + "/" + index)) got.push(index);
    }
    console.log(JSON.stringify(got));
  });`;

it("gives a lock whose holder has ended to one of those who reach for it at the same moment", async () => {
  for (let index = 0; index < LOCKS; index++) {
    writeFileSync(join(folder, String(index)), JSON.stringify({ pid: 4_194_304, startedAt: "x" }));
  }
  const readers = Array.from({ length: CONTENDERS }, () => {
    const code = CONTENDER.replace("FOLDER", folder);
    const child = spawn(process.execPath, ["--input-type=module", "-e", code], { stdio: ["pipe", "pipe", "inherit"] });
    contenders.push(child);
    return createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
  });
  await Promise.all(readers.map((reader) => reader.next()));
  const startAt = Date.now() + 100;
  for (const child of contenders) child.stdin!.write(`${startAt}\n`);
  const got = await Promise.all(
    readers.map(async (reader) => JSON.parse((await reader.next()).value ?? "[]") as number[]),
  );
  expect(got.flat().sort((a, b) => a - b)).toEqual(Array.from({ length: LOCKS }, (_, index) => index));
});
