import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import { serverSpec } from "../testing/server-spec.ts";
import { launchEnvironment, shellCommand, UnknownVariableError } from "./launch-environment.ts";

const run = (startup: string, values: Record<string, string>) =>
  execFileSync("/bin/sh", ["-c", shellCommand(startup, values)], {
    env: { PATH: process.env.PATH!, ...values },
    encoding: "utf8",
  });

test.each([
  ["echo -Xmx{{MEMORY}}M", "-Xmx2048M\n"],
  ['echo "{{MEMORY}} x"', "2048 x\n"],
  ["echo '{{MEMORY}} x'", "2048 x\n"],
  ["echo 'a\"{{MEMORY}}\"b'", 'a"2048"b\n'],
  ["echo \\'{{MEMORY}}\\'", "'2048'\n"],
  ['echo "it\'s {{ MEMORY }}"', "it's 2048\n"],
  ["echo {{MEMORY}}{{MEMORY}}", "20482048\n"],
  ["echo {{ {{MEMORY}} }}", "{{ 2048 }}\n"],
])("%s", (startup, output) => {
  expect(run(startup, { MEMORY: "2048" })).toBe(output);
});

test.each([
  "$(echo hacked)",
  "`echo hacked`",
  "'; echo hacked; '",
  '"; echo hacked; "',
  "$" + "{IFS}",
  "a && echo hacked",
  "\\",
])("a value is never read as commands: %s", (value) => {
  for (const startup of ["printf '%s\\n' {{V}} | tr -d '\\n '", "printf '%s' \"{{V}}\"", "printf '%s' '{{V}}'"]) {
    expect(run(startup, { V: value }).replaceAll(" ", "")).toBe(value.replaceAll(" ", ""));
  }
});

test("a variable that has no value is named", () => {
  expect(() => shellCommand("run {{NOPE}}", {})).toThrow(UnknownVariableError);
  expect(() => shellCommand("run {{NOPE}}", {})).toThrow("NOPE");
});

test("the reserved variables are always set, and cannot be overruled", () => {
  const spec = serverSpec({
    environment: { SERVER_PORT: "1", MOTD: "on {{SERVER_PORT}} {{UNKNOWN}}", TZ: "Europe/Berlin" },
    startup: "run {{SERVER_PORT}}",
    allocations: [
      { ip: "10.0.0.1", port: 1000, isPrimary: false },
      { ip: "10.0.0.2", port: 2000, isPrimary: true },
    ],
  });
  expect(launchEnvironment(spec, "/data", "UTC")).toEqual({
    MOTD: "on 2000 {{UNKNOWN}}",
    SERVER_ID: "echo-1",
    SERVER_MEMORY: "64",
    SERVER_IP: "10.0.0.2",
    SERVER_PORT: "2000",
    HOME: "/data",
    TZ: "Europe/Berlin",
    STARTUP: "run 2000",
  });
});
