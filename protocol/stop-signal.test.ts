import { expect, it } from "vitest";
import { stopCommandDefect, stopSignalOf, stopSignalSchema } from "./stop-signal.ts";

it.each([
  ["^C", "SIGINT"],
  ["^c", "SIGINT"],
  [" ^C ", "SIGINT"],
  ["^\\", "SIGQUIT"],
  ["SIGUSR1", "SIGUSR1"],
  ["sigint", "SIGINT"],
  ["SigTerm", "SIGTERM"],
])("the stop command %s is %s, never a kill", (stopCommand, signal) => {
  expect(stopSignalOf({ stopCommand })).toBe(signal);
  expect(stopCommandDefect(stopCommand)).toBeNull();
});

it.each(["stop", "", "end", "int", "signal the end", "/stop", "^C now", "SIGNOFF everyone"])(
  "the stop command %j is a line for the console",
  (stopCommand) => {
    expect(stopSignalOf({ stopCommand })).toBeNull();
    expect(stopCommandDefect(stopCommand)).toBeNull();
  },
);

it.each(["SIGFOO", "sigstop", "^Z", "^D"])(
  "the stop command %s is refused: it looks like a signal and is none",
  (text) => {
    expect(stopCommandDefect(text)).toContain("looks like a signal");
  },
);

it("a template's signal is taken in any spelling, and goes before its command", () => {
  expect(["int", "SIGINT", "sigint", "^C"].map((text) => stopSignalSchema.parse(text))).toEqual(
    Array.from({ length: 4 }, () => "SIGINT"),
  );
  expect(stopSignalSchema.safeParse("SIGSTOP").success).toBe(false);
  expect(stopSignalOf({ stopCommand: "stop", sendSignalTo: "SIGHUP" })).toBe("SIGHUP");
});
