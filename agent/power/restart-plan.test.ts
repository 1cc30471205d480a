import { expect, test } from "vitest";
import { BACKOFF_RESET_MS, backoffMs, planRestart, planWords, type RestartRules } from "./restart-plan.ts";
import { firstStatus } from "./server-status.ts";

const RULES: RestartRules = { restartPolicy: "on-failure", maxCrashes: 100, crashWindowMs: 600_000 };
const NOW = 5_000_000;
const status = { ...firstStatus("s", 0), desiredPower: "running" as const };

test("each wait is twice the one before, up to a minute, for ever", () => {
  expect(Array.from({ length: 9 }, (_, step) => backoffMs(step) / 1000)).toEqual([1, 2, 4, 8, 16, 32, 60, 60, 60]);
  expect(backoffMs(5_000)).toBe(60_000);
});

test("a run of five minutes makes the next wait the first again, a shorter one does not", () => {
  const plan = (ranMs: number | null) =>
    planRestart({ ...status, backoffStep: 4 }, RULES, { isCrash: true, ranMs }, NOW).restartAt! - NOW;
  expect(plan(BACKOFF_RESET_MS)).toBe(1_000);
  expect(plan(BACKOFF_RESET_MS - 1)).toBe(16_000);
  expect(plan(null)).toBe(16_000);
});

test("what nobody wants to run is not started again", () => {
  const unwanted = { ...status, desiredPower: "stopped" as const };
  expect(planRestart(unwanted, RULES, { isCrash: true, ranMs: 1 }, NOW)).toMatchObject({
    restartAt: null,
    isGivenUp: false,
  });
});

test("ends with code 0 are waited for longer and longer too, and count towards no limit", () => {
  const rules: RestartRules = { ...RULES, restartPolicy: "always", maxCrashes: 1 };
  const plan = planRestart({ ...status, backoffStep: 2 }, rules, { isCrash: false, ranMs: 1 }, NOW);
  expect(plan).toEqual({ restartAt: NOW + 4_000, isGivenUp: false, recentCrashes: [], backoffStep: 3 });
});

test("a clock that went back neither counts crashes for ever nor keeps more of them than it must", () => {
  const recentCrashes = [NOW + 3_600_000, NOW - 1];
  const plan = planRestart({ ...status, recentCrashes }, { ...RULES, maxCrashes: 2 }, { isCrash: true, ranMs: 1 }, NOW);
  expect(plan.recentCrashes).toEqual([NOW - 1, NOW]);
  expect(plan.isGivenUp).toBe(true);
});

test("the sentence tells how it ended and what comes of it", () => {
  const plan = planRestart(
    status,
    { ...RULES, maxCrashes: 1, crashWindowMs: 90_000 },
    { isCrash: true, ranMs: 1 },
    NOW,
  );
  const words = planWords("It exited with code 3", plan, { ...RULES, maxCrashes: 1, crashWindowMs: 90_000 }, NOW);
  expect(words).toMatch(/^It exited with code 3\. It crashed once within 90 seconds and is not restarted any more/);
});
