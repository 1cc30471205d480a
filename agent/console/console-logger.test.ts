import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { waitUntil } from "../testing/wait-until.ts";
import { appendConsoleLine, installConsoleLogger } from "./console-logger.ts";

let root: string;
let folder: string;
let logger: string;
const children: ChildProcess[] = [];

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), "console-logger-"));
  folder = join(root, "console");
  mkdirSync(folder);
  logger = await installConsoleLogger(join(root, "bin"));
});

afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  rmSync(root, { recursive: true, force: true, maxRetries: 5, retryDelay: 20 });
});

function start(...options: string[]): ChildProcess {
  const child = spawn(logger, ["dir", folder, ...options], { stdio: ["pipe", "ignore", "inherit"] });
  child.stdin!.on("error", () => undefined);
  children.push(child);
  return child;
}

async function end(child: ChildProcess): Promise<void> {
  child.stdin!.end();
  await once(child, "exit");
}

const segments = () => readdirSync(folder).filter((name) => name.startsWith("@"));
const current = () => readFileSync(join(folder, "current"));
const everything = () => Buffer.concat([...segments().map((name) => readFileSync(join(folder, name))), current()]);

describe("the console logger", () => {
  it("writes a prompt before its line ends, and keeps every byte", async () => {
    const child = start();
    const bytes = Buffer.from("line\nnul \0 and \xff\r\nprompt> ", "latin1");
    child.stdin!.write(bytes);
    await waitUntil("the prompt", () => readdirSync(folder).includes("current") && current().length === bytes.length);
    expect(current()).toEqual(bytes);
    await end(child);
    expect(current()).toEqual(bytes);
  });

  it("rotates at line ends into segments named by their start, and keeps so many", async () => {
    const child = start("bytes", "100", "keep", "3");
    const text = Array.from({ length: 60 }, (_, i) => `line number ${i}\n`).join("");
    child.stdin!.write(text);
    await end(child);
    const names = segments();
    expect(names).toHaveLength(3);
    for (const name of names) {
      const content = readFileSync(join(folder, name)).toString();
      expect(content.length).toBeLessThanOrEqual(100);
      const start = Number.parseInt(name.slice(1, 17), 16);
      expect(text.slice(start, start + content.length)).toBe(content);
      expect(content.endsWith("\n")).toBe(true);
    }
    expect(text.endsWith(everything().toString())).toBe(true);
  });

  it("cuts a line that is longer than a segment and loses nothing of it", async () => {
    const child = start("bytes", "100");
    child.stdin!.write("x".repeat(950));
    await end(child);
    expect(everything().toString()).toBe("x".repeat(950));
  });

  it("goes on where the last one stopped, also when that one was killed", async () => {
    const first = start("bytes", "100");
    first.stdin!.write("0123456789\n".repeat(20));
    await waitUntil("the text", () => readdirSync(folder).includes("current") && everything().length === 220);
    first.kill("SIGKILL");
    await once(first, "exit");
    const second = start("bytes", "100");
    second.stdin!.write("more of it\n".repeat(20));
    await end(second);
    expect(everything().toString()).toBe("0123456789\n".repeat(20) + "more of it\n".repeat(20));
    let expectedStart = 0;
    for (const name of segments()) {
      expect(Number.parseInt(name.slice(1, 17), 16)).toBe(expectedStart);
      expectedStart += statSync(join(folder, name)).size;
    }
  });

  it("does not end by signals before the game's last word", async () => {
    const child = start();
    child.stdin!.write("first\n");
    await waitUntil("the first word", () => readdirSync(folder).includes("current") && current().length > 0);
    for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) child.kill(signal);
    child.stdin!.write("last\n");
    await end(child);
    expect(current().toString()).toBe("first\nlast\n");
  });

  it("takes a line of the agent's own, and never mixes it into a running game's text", async () => {
    await appendConsoleLine(logger, folder, "[catalyst] Pulling image");
    expect(current().toString()).toBe("[catalyst] Pulling image\n");
    const child = start();
    child.stdin!.write("game\n");
    await waitUntil("the game's text", () => current().toString().endsWith("game\n"));
    await expect(appendConsoleLine(logger, folder, "too late", 200)).rejects.toThrow("could not be written");
    await end(child);
    expect(current().toString()).toBe("[catalyst] Pulling image\ngame\n");
  });
});
