import { spawn, spawnSync } from "node:child_process";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { expect, it } from "vitest";
import { identify, isStillRunning } from "./process-identity.ts";

const canDoIt = process.platform === "linux" && spawnSync("setpriv", ["--pdeathsig", "TERM", "true"]).status === 0;

it.runIf(canDoIt)("ends a child when its parent is killed, though it has a session of its own", async () => {
  const parent = spawn(
    process.execPath,
    [
      "--input-type=module",
      "-e",
      `import { spawn } from "node:child_process";
       import { endWithParent } from ${JSON.stringify(`${import.meta.dirname}/end-with-parent.ts`)};
       const child = spawn(...endWithParent("SIGTERM", "sleep", ["300"]), { detached: true, stdio: "ignore" });
       child.once("spawn", () => console.log(child.pid));
       setInterval(() => {}, 1000);`,
    ],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  const line = await new Promise<string>((resolve) => createInterface({ input: parent.stdout }).once("line", resolve));
  const child = identify(Number(line))!;
  expect(isStillRunning(child)).toBe(true);
  parent.kill("SIGKILL");
  const deadline = Date.now() + 10_000;
  while (isStillRunning(child) && Date.now() < deadline) await delay(20);
  expect(isStillRunning(child)).toBe(false);
});
