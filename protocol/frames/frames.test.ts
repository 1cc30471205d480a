import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { z } from "zod";
import { agentToHubSchema, clientToHubSchema, hubToAgentSchema, hubToClientSchema } from "./index.ts";

const golden = (name: string): Record<string, unknown>[] =>
  JSON.parse(readFileSync(new URL(`../golden/${name}.json`, import.meta.url), "utf8"));

const directions: [string, z.ZodType][] = [
  ["agent-to-hub", agentToHubSchema],
  ["hub-to-agent", hubToAgentSchema],
  ["client-to-hub", clientToHubSchema],
  ["hub-to-client", hubToClientSchema],
];

describe.each(directions)("%s", (name, schema) => {
  const frames = golden(name);

  it.each(frames.map((frame) => [frame.type, frame]))("accepts the golden frame %s unchanged", (_type, frame) => {
    expect(schema.parse(frame)).toEqual(frame);
  });

  it("ignores fields that a newer peer may send", () => {
    for (const frame of frames) expect(schema.parse({ ...frame, addedLater: 1 })).toEqual(frame);
  });

  it("refuses each golden frame when any required field is missing", () => {
    const optional = new Set([
      "requestId",
      "from",
      "loadAverage",
      "code",
      "error",
      "exitCode",
      "data",
      "restartAt",
      "crash",
      "pendingRestart",
      "runSpecVersion",
      "diskLimitKind",
      "diskState",
      "diskNotice",
      // Required of an agent, but not towards a viewer.
      ...(name === "hub-to-client" ? ["crashCount"] : []),
    ]);
    for (const frame of frames) {
      for (const field of Object.keys(frame)) {
        if (optional.has(field)) continue;
        const { [field]: _left, ...rest } = frame;
        expect(schema.safeParse(rest).success, `${String(frame.type)} without ${field}`).toBe(false);
      }
    }
  });

  it("covers every frame type of the direction", () => {
    const types = new Set(frames.map((frame) => frame.type));
    const shared = new Set(["resource_stats", "health_report"]);
    for (const type of literalTypes(schema)) {
      if (name === "hub-to-client" && shared.has(type)) continue;
      expect(types, `a golden frame of type ${type}`).toContain(type);
    }
  });
});

/** The `type` literals of a union of frames, however deep the union nests. */
function literalTypes(schema: z.ZodType): string[] {
  const definition = schema.def as unknown as {
    options?: z.ZodType[];
    shape?: { type: { def: { values: string[] } } };
  };
  if (definition.options) return definition.options.flatMap(literalTypes);
  return definition.shape ? definition.shape.type.def.values : [];
}
