import { expect, it } from "vitest";
import { withCrowd } from "./crowd.ts";
import { withRelay } from "./relay-target.ts";

it("carries commands and their answers, so that a crowd measures it as it measures a panel", async () => {
  await withRelay((target) =>
    withCrowd(target, 3, async (crowd) => {
      const echoed = await crowd.do({ kind: "echo", trips: 5, pauseMs: 0 });
      expect(echoed.ms).toHaveLength(5);
      const ticked = await crowd.do({ kind: "tick", lines: 4, everyMs: 5 });
      expect(ticked.ms).toHaveLength(12);
      expect(Math.min(...ticked.ms, ...echoed.ms)).toBeGreaterThan(0);
      const { viewers } = await crowd.do({ kind: "burst", lines: 2_000 });
      expect(viewers).toHaveLength(3);
      for (const viewer of viewers) {
        expect(viewer).toMatchObject({ lost: 0, torn: 0, outOfOrder: 0, gaps: 0, faults: 0 });
        expect(viewer.linesPerSecond).toBeGreaterThan(0);
      }
    }),
  );
});
