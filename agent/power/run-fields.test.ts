import { describe, expect, it } from "vitest";
import { serverSpec } from "../testing/server-spec.ts";
import { hasLiveChanges, pendingChanges, runFields, withLimitsOf } from "./run-fields.ts";

const spec = serverSpec({ memoryMb: 512, environment: { A: "1", B: "2" } });
const run = runFields(spec);

describe("what waits for the next start", () => {
  it("is nothing while the spec is the run's, however it is written", () => {
    expect(pendingChanges(run, spec, [])).toEqual([]);
    expect(pendingChanges(run, { ...spec, environment: { B: "2", A: "1" } }, [])).toEqual([]);
  });

  it("is nothing for what the agent itself goes by", () => {
    const agentOnly = { stopCommand: "quit", stopTimeoutSeconds: 3, name: "New", restartPolicy: "always" as const };
    expect(pendingChanges(run, { ...spec, ...agentOnly }, [])).toEqual([]);
  });

  it.each([
    ["image", { image: "other:1" }],
    ["startup", { startup: "other" }],
    ["environment", { environment: { A: "2" } }],
    ["openFilesLimit", { openFilesLimit: 99 }],
    ["networkMode", { networkMode: "bridge" as const }],
    ["allocations", { allocations: [] }],
    ["configFiles", { configFiles: [{ path: "a", parser: "json" as const, values: {} }] }],
  ])("names %s", (field, change) => {
    expect(pendingChanges(run, { ...spec, ...change }, [])).toEqual([{ field }]);
    expect(hasLiveChanges(run, { ...spec, ...change })).toBe(false);
  });

  it("names a limit only when the running server could not be given it", () => {
    const wanted = { ...spec, memoryMb: 256, pidsLimit: 99 };
    expect(hasLiveChanges(run, wanted)).toBe(true);
    expect(pendingChanges(run, wanted, [])).toEqual([]);
    const kept = [{ field: "allocatedMemoryMb" as const, reason: "too much in use" }];
    const after = withLimitsOf(run, wanted, kept);
    expect(pendingChanges(after, wanted, kept)).toEqual(kept);
    // Taken back: nothing waits any more.
    expect(pendingChanges(after, { ...wanted, memoryMb: 512 }, kept)).toEqual([]);
  });

  it("says that a game which reads its memory from the environment learns of a new limit only then", () => {
    const java = { ...spec, startup: "java -Xmx{{SERVER_MEMORY}}M" };
    const wanted = { ...java, memoryMb: 1024 };
    const after = withLimitsOf(runFields(java), wanted, []);
    expect(pendingChanges(after, wanted, [])).toEqual([
      { field: "allocatedMemoryMb", reason: "The limit holds already; the game learns of it when it starts." },
    ]);
  });

  it("is nothing of a run that nobody wrote down, or of fields that its agent did not know", () => {
    expect(pendingChanges(null, { ...spec, image: "other" }, [])).toEqual([]);
    const { image: _, ...older } = run;
    expect(pendingChanges(older, { ...spec, image: "other" }, [])).toEqual([]);
  });
});
