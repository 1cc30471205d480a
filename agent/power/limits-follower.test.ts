import { beforeEach, expect, test } from "vitest";
import type { KeptLimit } from "../runtime/container-runtime.ts";
import { serverSpec } from "../testing/server-spec.ts";
import { type LimitedRun, LimitsFollower } from "./limits-follower.ts";
import { runFields } from "./run-fields.ts";

const spec = serverSpec({ memoryMb: 512 });
const KEPT: KeptLimit[] = [{ field: "allocatedMemoryMb", reason: "too much in use" }];

let run: LimitedRun | null;
let asked: number[];
let answer: () => Promise<readonly KeptLimit[]>;
let follower: LimitsFollower;

beforeEach(() => {
  run = { runId: "run-1", runFields: runFields(spec), isUp: true, spec };
  asked = [];
  answer = async () => [];
  follower = new LimitsFollower({
    present: () => run,
    updateLimits: ({ memoryMb }) => {
      asked.push(memoryMb);
      return answer();
    },
    inTurn: (step) => step(),
    commit: async (given) => {
      if (run) run = { ...run, runFields: given };
    },
  });
});

const want = (memoryMb: number) => {
  if (run) run = { ...run, spec: { ...spec, memoryMb } };
};

test("a run is given what its spec says by now, once, however often that changed meanwhile", async () => {
  want(600);
  const first = follower.follow();
  want(700);
  const second = follower.follow();
  await Promise.all([first, second]);
  expect(asked).toEqual([700]);
  expect(run?.runFields).toEqual(runFields({ ...spec, memoryMb: 700 }));
  expect(follower.follow()).toBeNull();
});

test.each<[string, Partial<LimitedRun>]>([
  ["that is not up", { isUp: false }],
  ["whose limits nobody remembers", { runFields: null }],
])("a run %s is given nothing", (_, change) => {
  want(600);
  run = { ...run!, ...change };
  expect(follower.follow()).toBeNull();
});

test("a limit that the run keeps is not tried again until it is changed once more", async () => {
  answer = async () => KEPT;
  want(256);
  await follower.follow();
  expect(follower.kept).toEqual(KEPT);
  expect(run?.runFields).toEqual(runFields(spec));
  expect(follower.follow()).toBeNull();
  want(300);
  await follower.follow();
  expect(asked).toEqual([256, 300]);
});

test("a runtime that could not be asked is asked again", async () => {
  answer = () => Promise.reject(new Error("no answer"));
  want(600);
  await expect(follower.follow()).rejects.toThrow("no answer");
  answer = async () => [];
  await follower.follow();
  expect(asked).toEqual([600, 600]);
  expect(run?.runFields).toEqual(runFields({ ...spec, memoryMb: 600 }));
});

test("what became of one run's limits says nothing of the next", async () => {
  const { promise, resolve } = Promise.withResolvers<readonly KeptLimit[]>();
  answer = () => promise;
  want(256);
  const following = follower.follow();
  await expect.poll(() => asked).toEqual([256]);
  run = { ...run!, runId: "run-2" };
  resolve(KEPT);
  await following;
  expect(follower.kept).toEqual([]);
  expect(run.runFields).toEqual(runFields(spec));
});

test("a server that the agent let go of meanwhile is left alone", async () => {
  want(600);
  const following = follower.follow();
  run = null;
  await following;
  expect(asked).toEqual([]);
});
