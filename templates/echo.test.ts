import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { afterEach, describe, expect, it } from "vitest";
import { templateSchema } from "../protocol/template.ts";

const template = templateSchema.parse(JSON.parse(readFileSync(`${import.meta.dirname}/echo.json`, "utf8")));

const shells = [["sh"], ["dash"], ["busybox", "sh"]].filter(
  ([command, ...rest]) => spawnSync(command!, [...rest, "-c", "exit 0"]).status === 0,
);

const running = new Set<ChildProcessWithoutNullStreams>();
afterEach(() => {
  for (const child of running) child.kill("SIGKILL");
  running.clear();
});

function start([command, ...rest]: string[]) {
  const child = spawn(command!, [...rest, "-c", template.startup]);
  running.add(child);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    type: (line: string) => child.stdin.write(`${line}\n`),
    line: async () => (await lines.next()).value as string,
    exitCode: async () => (await once(child, "exit"))[0] as number,
  };
}

describe.each(shells)("under %s %s", (...shell: string[]) => {
  const server = () => start(shell.filter(Boolean));

  it("says that it is ready and answers each line as it is typed, whatever is in it", async () => {
    const { line, type } = server();
    expect(await line()).toBe(template.readyPattern);
    for (const text of ["hello", "$HOME `id` $(id) \\n %s *", "exit now", "flood many", "-n"]) {
      type(text);
      expect(await line()).toBe(`echo: ${text}`);
    }
  });

  it("floods numbered lines of 114 bytes and answers again afterwards", async () => {
    const { line, type } = server();
    await line();
    type("flood 2000");
    type("after");
    for (let number = 1; number <= 2000; number++) {
      const text = await line();
      expect(Buffer.byteLength(`${text}\n`)).toBe(114);
      expect(Number(text.split(" ")[1])).toBe(number);
    }
    expect(await line()).toBe("echo: after");
  });

  it("exits with the code that it is told", async () => {
    const { type, exitCode } = server();
    type("exit 7");
    expect(await exitCode()).toBe(7);
  });

  it("stops by its own stop command with code 0", async () => {
    const { type, exitCode } = server();
    type(template.stopCommand);
    expect(await exitCode()).toBe(0);
  });
});
