import { expect, it } from "vitest";
import type { Node } from "../../../protocol/api/nodes.ts";
import { type UpdateMeans, type UpdateProgress, updateInTurn } from "./update-in-turn.ts";

type Look = Pick<Node, "agentVersion" | "agentUpdate">;

const OLD: Look = { agentVersion: "old", agentUpdate: null };
const NEW: Look = { agentVersion: "new", agentUpdate: null };
const FAILED: Look = {
  agentVersion: "old",
  agentUpdate: { version: "new", status: "failed", reason: "It did not connect.", at: "2026-01-01T00:00:00Z" },
};

/** @param looks what each node shows, look by look; an error is a panel that is away. */
function fleet(looks: Record<string, (Look | Error)[]>, changes: Partial<UpdateMeans> = {}) {
  const told: [string, UpdateProgress["state"]][] = [];
  const last: Record<string, UpdateProgress> = {};
  const means: UpdateMeans = {
    ask: async () => ({ state: "started", version: "new" }),
    look: async (nodeId) => {
      const next = looks[nodeId]!.shift() ?? OLD;
      if (next instanceof Error) throw next;
      return next;
    },
    pause: async () => {},
    reasonOf: (error) => (error as Error).message,
    onProgress: (nodeId, progress) => {
      told.push([nodeId, progress.state]);
      last[nodeId] = progress;
    },
    looks: 4,
    ...changes,
  };
  return { means, told, last };
}

it("asks the next node only when the one before is over", async () => {
  const { means, told } = fleet({ a: [OLD, new Error("away"), NEW], b: [NEW] });
  await updateInTurn(["a", "b"], means);
  expect(told).toEqual([
    ["a", "waiting"],
    ["b", "waiting"],
    ["a", "updating"],
    ["a", "done"],
    ["b", "updating"],
    ["b", "done"],
  ]);
});

it("goes on after one that refuses, one that fails and one that says nothing, and tells why", async () => {
  const { means, last } = fleet(
    { refuses: [], fails: [OLD, FAILED], silent: [], current: [], good: [NEW] },
    {
      ask: async (nodeId) => {
        if (nodeId === "refuses") throw new Error("The node is offline.");
        return { state: nodeId === "current" ? "current" : "started", version: "new" };
      },
    },
  );
  await updateInTurn(["refuses", "fails", "silent", "current", "good"], means);
  expect(last).toEqual({
    refuses: { state: "failed", reason: "The node is offline." },
    fails: { state: "failed", reason: "It did not connect." },
    silent: { state: "silent" },
    current: { state: "done" },
    good: { state: "done" },
  });
});

it("asks no further node when nobody looks on any more", async () => {
  const { means, last } = fleet({ a: [], b: [] }, { pause: () => Promise.reject(new Error("left")) });
  await expect(updateInTurn(["a", "b"], means)).rejects.toThrow("left");
  expect(last.b).toEqual({ state: "waiting" });
});
