import { spawnSync } from "node:child_process";
import { expect, it } from "vitest";
import { deployScript, refusingScript } from "./script.ts";

const manifest = {
  version: "1.0.0",
  sha256: "a".repeat(64),
  file: "catalyst-agent.mjs" as const,
  launcher: { file: "catalyst-agent.sh" as const, sha256: "b".repeat(64) },
};

it("takes whatever a panel's address holds as text and never as commands", () => {
  const panelUrl = "https://x.test/'$(touch /tmp/owned)`id`\"";
  const script = deployScript({ panelUrl, token: "t", manifest });
  const shown = script
    .replace(/^main "\$@"$/m, 'printf "%s" "$PANEL_URL"')
    .split("\n")
    .filter((line) => !line.startsWith("# Makes this"));
  const run = spawnSync("bash", [], { input: shown.join("\n"), encoding: "utf8" });
  expect(run.stdout).toBe(panelUrl);
});

it("explains its options without touching anything", () => {
  const run = spawnSync("bash", ["-s", "--", "--help"], {
    input: deployScript({ panelUrl: "https://x.test", token: "t", manifest }),
    encoding: "utf8",
  });
  expect(run.status).toBe(0);
  expect(run.stderr).toContain("--nerdctl-bundle");
});

it.each([["--surprise"], ["--data-dir", "relative"], ["--data-dir", "/a b"], ["--nerdctl-bundle"]])(
  "refuses the options %s %s before it does anything",
  (...options) => {
    const run = spawnSync("bash", ["-s", "--", ...options.filter(Boolean)], {
      input: deployScript({ panelUrl: "https://x.test", token: "t", manifest }),
      encoding: "utf8",
    });
    expect(run.status).not.toBe(0);
    expect(run.stderr).not.toBe("");
  },
);

it("says why to the shell when the link is no longer good", () => {
  const run = spawnSync("bash", [], { input: refusingScript("It's over; $(id)"), encoding: "utf8" });
  expect([run.status, run.stderr]).toEqual([1, "catalyst: It's over; $(id)\n"]);
});
