import { type ChildProcess, spawn } from "node:child_process";
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { installConsoleLogger } from "./console-logger.ts";
import { SegmentLog } from "./segment-log.ts";

let root: string;
let folder: string;
let index: string;
const open: SegmentLog[] = [];
const children: ChildProcess[] = [];

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "segment-log-"));
  folder = join(root, "console");
  index = join(root, "records", "console-index");
  mkdirSync(folder);
});

afterEach(async () => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  await Promise.all(open.splice(0).map((log) => log.close()));
  rmSync(root, { recursive: true, force: true });
});

function openLog(): SegmentLog {
  const log = new SegmentLog(folder, index);
  open.push(log);
  return log;
}

async function readAll(log: SegmentLog, from = 0): Promise<Buffer> {
  const parts: Buffer[] = [];
  for (let at = from; ; ) {
    const chunk = await log.read(at, 1000);
    if (chunk.bytes.length === 0) return Buffer.concat(parts);
    expect(chunk.offset).toBe(at);
    parts.push(chunk.bytes);
    at += chunk.bytes.length;
  }
}

const current = () => join(folder, "current");
const rotate = (start: number) => renameSync(current(), join(folder, `@${start.toString(16).padStart(16, "0")}.s`));

describe("a console log", () => {
  it("is empty while its folder does not exist", async () => {
    const log = new SegmentLog(join(root, "missing"), index);
    expect(await log.bounds()).toEqual({ oldest: 0, latest: 0 });
    expect((await log.read(0, 10)).bytes.length).toBe(0);
    await log.close();
  });

  it("reads across a rotation that happened after the last look", async () => {
    writeFileSync(current(), "one\n");
    const log = openLog();
    log.follow(() => undefined);
    expect((await log.read(0, 100)).bytes.toString()).toBe("one\n");
    appendFileSync(current(), "two\n");
    rotate(0);
    writeFileSync(current(), "three\n");
    expect((await readAll(log, 4)).toString()).toBe("two\nthree\n");
    expect(await log.bounds()).toEqual({ oldest: 0, latest: 14 });
  });

  it("keeps its offsets over a restart, also when older segments were deleted meanwhile", async () => {
    writeFileSync(current(), "0123456789");
    const before = openLog();
    await before.bounds();
    await before.close();
    rotate(0);
    writeFileSync(current(), "abcdef");
    rmSync(join(folder, readdirSync(folder).find((name) => name.startsWith("@"))!));
    const after = openLog();
    const { oldest, latest } = await after.bounds();
    // The deleted segment was seen with ten bytes; one byte marks that more may have been in it.
    expect({ oldest, latest }).toEqual({ oldest: 11, latest: 17 });
    expect(await after.read(4, 100)).toMatchObject({ offset: 11, bytes: Buffer.from("abcdef") });
  });

  it("does not trust a torn index", async () => {
    writeFileSync(current(), "0123456789");
    const before = openLog();
    await before.bounds();
    await before.close();
    truncateSync(index, 30);
    expect(await openLog().bounds()).toEqual({ oldest: 0, latest: 10 });
  });

  it("tells followers of growth, and of nothing after they left", async () => {
    writeFileSync(current(), "");
    const log = openLog();
    const onGrowth = vi.fn();
    const stop = log.follow(onGrowth);
    appendFileSync(current(), "text");
    await vi.waitFor(() => expect(onGrowth).toHaveBeenCalled(), 5_000);
    stop();
    const calls = onGrowth.mock.calls.length;
    const second = vi.fn();
    log.follow(second);
    appendFileSync(current(), "more");
    await vi.waitFor(() => expect(second).toHaveBeenCalled(), 5_000);
    expect(onGrowth).toHaveBeenCalledTimes(calls);
  });
});

/** Writes `count` numbered lines, pausing now and then, into a logger's pipe. */
const WRITER = `
  process.stdout.on("error", () => process.exit());
  let n = 0;
  const count = Number(process.argv[1]);
  const more = () => {
    let text = "";
    for (let i = Math.ceil(Math.random() * 400); i > 0 && n < count; i--) text += "line " + n++ + " " + "x".repeat(n % 150) + "\\n";
    if (text) process.stdout.write(text, () => setTimeout(more, Math.random() < 0.3 ? 5 : 0));
  };
  more();
`;

function expectedText(count: number): string {
  let text = "";
  for (let n = 0; n < count; n++) text += `line ${n} ${"x".repeat((n + 1) % 150)}\n`;
  return text;
}

function pipe(writerArguments: string[], logger: string, loggerArguments: string[]): { ended: Promise<void> } {
  const reader: ChildProcess = spawn(logger, loggerArguments, { stdio: ["pipe", "ignore", "inherit"] });
  const writer = spawn(process.execPath, ["-e", WRITER, ...writerArguments], { stdio: ["ignore", "pipe", "inherit"] });
  reader.stdin!.on("error", () => undefined);
  writer.stdout.pipe(reader.stdin!);
  children.push(reader, writer);
  return { ended: new Promise((resolve) => reader.on("exit", () => resolve())) };
}

const LINES = 20_000;

describe("a log written by the console logger", () => {
  async function command(segments: number): Promise<[string, string[]]> {
    return [await installConsoleLogger(join(root, "bin")), ["dir", folder, "bytes", "16384", "keep", String(segments)]];
  }

  it("is read byte for byte while it rotates and the reader dies at random", async () => {
    const { ended } = pipe([String(LINES)], ...(await command(10_000)));
    let isWritten = false;
    void ended.then(() => {
      isWritten = true;
    });
    const parts: Buffer[] = [];
    let at = 0;
    for (;;) {
      const isLast = isWritten;
      // A reader that is not closed is one that was killed: nothing of it is flushed on purpose.
      const log = openLog();
      const stop = Math.random() < 0.5 ? log.follow(() => undefined) : () => undefined;
      for (let reads = Math.ceil(Math.random() * 30); reads > 0 || isLast; reads--) {
        const chunk = await log.read(at, 1 + Math.floor(Math.random() * 30_000));
        expect(chunk.offset).toBe(at);
        parts.push(chunk.bytes);
        at += chunk.bytes.length;
        if (chunk.bytes.length === 0 && isLast) break;
      }
      stop();
      if (isLast) break;
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 20));
    }
    const text = Buffer.concat(parts).toString();
    expect(text.length).toBe(expectedText(LINES).length);
    expect(text === expectedText(LINES)).toBe(true);
  }, 60_000);

  it("has exact offsets after the reader missed segments that are gone", async () => {
    const early = openLog();
    const { ended } = pipe([String(LINES)], ...(await command(5)));
    await vi.waitFor(async () => expect((await early.bounds()).latest).toBeGreaterThan(0), 10_000);
    await early.close();
    await ended;
    const log = openLog();
    const text = expectedText(LINES);
    const { oldest, latest } = await log.bounds();
    expect(latest).toBe(text.length);
    expect(oldest).toBeGreaterThan(16_384);
    expect((await readAll(log, oldest)).toString()).toBe(text.slice(oldest));
    expect((await log.read(0, 100)).offset).toBe(oldest);
  }, 60_000);
});
