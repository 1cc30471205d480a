import { execFileSync } from "node:child_process";
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { CONSOLE_INPUT_MAX_BYTES } from "../../protocol/limits.ts";
import { writeConsoleInput } from "./console-input.ts";
import { makeFifo, makeServerFolders, serverPaths } from "./server-paths.ts";

let root: string;
let stdin: string;
let game: number | null = null;

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), "console-input-"));
  stdin = join(root, "stdin");
  await makeFifo(stdin);
});

afterEach(() => {
  if (game !== null) closeSync(game);
  game = null;
  rmSync(root, { recursive: true, force: true });
});

/** Opens the pipe as a game does: for reading and writing. */
function openAsGame(): number {
  game = openSync(stdin, constants.O_RDWR | constants.O_NONBLOCK);
  return game;
}

function readAvailable(fd: number): string {
  const buffer = Buffer.alloc(128 * 1024);
  try {
    return buffer.subarray(0, readSync(fd, buffer, 0, buffer.length, null)).toString();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EAGAIN") return "";
    throw error;
  }
}

const rejection = (line: string) => writeConsoleInput({ stdin }, line).catch((error) => error);

describe("a line typed into a console", () => {
  it("reaches the game with its line end, in order", async () => {
    const fd = openAsGame();
    await Promise.all(["say hello", "say wörld\tagain", ""].map((line) => writeConsoleInput({ stdin }, line)));
    expect(readAvailable(fd)).toBe("say hello\nsay wörld\tagain\n\n");
  });

  it("is refused when no game runs", async () => {
    expect(await rejection("hello")).toMatchObject({ code: "SERVER_NOT_RUNNING" });
    rmSync(stdin);
    expect(await rejection("hello")).toMatchObject({ code: "SERVER_NOT_RUNNING" });
  });

  it.each([
    ["a line end", "stop\nop me"],
    ["a carriage return", "stop\rop me"],
    ["NUL", "a\0b"],
    ["an escape", "\x1b[2J"],
    ["too many bytes", "é".repeat(CONSOLE_INPUT_MAX_BYTES / 2 + 1)],
  ])("is refused when it has %s", async (_name, line) => {
    const fd = openAsGame();
    expect(await rejection(line)).toMatchObject({ code: "VALIDATION" });
    expect(readAvailable(fd)).toBe("");
  });

  it("may have the largest size", async () => {
    const fd = openAsGame();
    const line = "x".repeat(CONSOLE_INPUT_MAX_BYTES);
    await writeConsoleInput({ stdin }, line);
    expect(readAvailable(fd)).toBe(`${line}\n`);
  });

  it("to a game that reads nothing is given up, and the next one does not continue it", async () => {
    const fd = openAsGame();
    const line = "y".repeat(CONSOLE_INPUT_MAX_BYTES);
    const outcomes = await Promise.allSettled([1, 2].map(() => writeConsoleInput({ stdin }, line)));
    expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "rejected"]);
    let text = "";
    for (let part = readAvailable(fd); part !== ""; part = readAvailable(fd)) text += part;
    await writeConsoleInput({ stdin }, "next");
    expect(text + readAvailable(fd)).toMatch(/^y{32768}\ny+\nnext\n$/);
  }, 15_000);

  it("waits with others for its own time only, however many wait before it", async () => {
    const fd = openAsGame();
    const lines = Array.from({ length: 24 }, (_, n) => `${n} `.padEnd(8 * 1024, "z"));
    const outcomes = await Promise.allSettled(lines.map((line) => writeConsoleInput({ stdin }, line)));
    const went = outcomes.filter(({ status }) => status === "fulfilled").length;
    expect(went).toBeGreaterThan(0);
    expect(went).toBeLessThan(lines.length);
    // None is written later, when nobody expects it any more.
    await writeConsoleInput({ stdin }, "next").catch(() => undefined);
    let text = "";
    for (let part = readAvailable(fd); part !== ""; part = readAvailable(fd)) text += part;
    expect(
      text
        .match(/^\d+(?= z)/gm)!
        .map(Number)
        .slice(0, went),
    ).toEqual([...Array(went).keys()]);
  }, 12_000);

  it("is refused at once, and not kept, when many wait already", async () => {
    const fd = openAsGame();
    const line = "z".repeat(4 * 1024);
    const isSettled = Array.from({ length: 500 }, () => false);
    const all = isSettled.map(async (_, n) => {
      const outcome = await rejection(line);
      isSettled[n] = true;
      return outcome;
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(isSettled.filter((settled) => !settled).length).toBeLessThan(70);
    expect((await Promise.all(all)).at(-1)).toMatchObject({ code: "CONTAINER_ERROR" });
    while (readAvailable(fd) !== "");
    // Those that waited are gone: there is room again.
    await writeConsoleInput({ stdin }, "next");
    expect(readAvailable(fd)).toContain("next\n");
  }, 12_000);

  it("goes into nothing but a pipe", async () => {
    rmSync(stdin);
    writeFileSync(stdin, "precious");
    expect(await rejection("hello")).toMatchObject({ code: "CONTAINER_ERROR" });
    rmSync(stdin);
    await makeFifo(join(root, "elsewhere"));
    symlinkSync(join(root, "elsewhere"), stdin);
    expect(await rejection("hello")).toMatchObject({ code: "CONTAINER_ERROR" });
  });
});

describe("a server's folders", () => {
  it("are closed to everybody else, and made again without harm", async () => {
    const paths = serverPaths(root, "s1");
    await makeServerFolders(paths);
    writeFileSync(join(paths.data, "world"), "kept");
    await makeFifo(paths.stdin);
    await makeServerFolders(paths);
    await makeFifo(paths.stdin);
    const modes = execFileSync("stat", ["-c", "%a %F", paths.root, paths.data, paths.console, paths.stdin]).toString();
    expect(modes).toBe("700 directory\n700 directory\n700 directory\n600 fifo\n");
  });

  it("replace anything that is in the pipe's place", async () => {
    rmSync(stdin);
    symlinkSync("/etc/passwd", stdin);
    await makeFifo(stdin);
    expect(execFileSync("stat", ["-c", "%F", stdin]).toString()).toBe("fifo\n");
  });

  it.each(["../etc", "a/b", "", "A", "x".repeat(70)])("are not made for %j, which is no id", (id) => {
    expect(() => serverPaths(root, id)).toThrow();
  });
});
