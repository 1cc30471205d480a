import { expect, test } from "vitest";
import type { ServerCrash } from "../../../protocol/api/servers.ts";
import { crashWords, outcomeWords, plainText } from "./crash-words.ts";

const crash = (change: Partial<ServerCrash>): ServerCrash => ({
  id: "1",
  at: "2026-11-24T10:00:00.000Z",
  exitCode: 42,
  signal: null,
  oomKilled: false,
  runTimeMs: 65_000,
  crashCount: 1,
  restartAt: null,
  lastLines: "",
  ...change,
});

test("an exit, a signal, too much memory and an unknown end are told apart", () => {
  expect(crashWords(crash({}))).toBe("It exited with code 42 after 1 min 5 s.");
  expect(crashWords(crash({ exitCode: 139, signal: "SIGSEGV", runTimeMs: 300 }))).toBe(
    "It was ended by SIGSEGV (exit code 139) after less than 1 s.",
  );
  expect(crashWords(crash({ exitCode: 137, signal: "SIGKILL", oomKilled: true }))).toMatch(/more memory.*137/);
  expect(crashWords(crash({ exitCode: null, runTimeMs: null }))).toBe(
    "It ended while the agent was away; how is not known.",
  );
});

test("what was done about it is told", () => {
  expect(outcomeWords(crash({}))).toBe("Left crashed");
  expect(outcomeWords(crash({ restartAt: "2026-11-24T10:00:04.100Z" }))).toBe("Restart after 4 s");
});

test("colours and control characters are left out, lines and tabs are kept", () => {
  expect(plainText("\u001b[31mred\u001b[0m\tend\r\n\u001b]0;title\u0007next\u0000")).toBe("red\tend\nnext");
});
