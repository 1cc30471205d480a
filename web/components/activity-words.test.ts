import { expect, it } from "vitest";
import { actionWords, detailWords } from "./activity-words.ts";

const crash = { exitCode: 42, signal: null, oomKilled: false, runTimeMs: 65_000, crashCount: 1, isRestarted: true };
const words = (action: string, details: Record<string, unknown>) => detailWords({ action, details });

it("tells the ends of a game apart", () => {
  expect(words("server.crashed", crash)).toBe("It exited with code 42 after 1 min 5 s; it is started again.");
  const fault = { ...crash, exitCode: 139, signal: "SIGSEGV", runTimeMs: 20, isRestarted: false };
  expect(words("server.crashed", fault)).toBe("It was ended by SIGSEGV.");
  const oom = { ...crash, exitCode: 137, signal: "SIGKILL", oomKilled: true, runTimeMs: null, isRestarted: false };
  expect(words("server.crashed", oom)).toBe("It used more memory than its limit and was ended.");
  expect(words("server.ended", { exitCode: 0 })).toBe("It ended by itself, with code 0.");
  expect(words("server.crashes_omitted", { count: 12 })).toBe("12 more crashes than are kept one by one.");
});

it("shows the fields of everything else, and none that says nothing", () => {
  expect(actionWords("server.power.start")).toBe("Server power start");
  expect(words("server.update", { name: "new", reason: null, limits: { memoryMb: 1 } })).toBe(
    'name: new, limits: {"memoryMb":1}',
  );
});
