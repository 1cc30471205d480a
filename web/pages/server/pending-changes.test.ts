import { expect, it } from "vitest";
import { pendingWords } from "./pending-changes.ts";

it("says nothing when nothing waits", () => {
  expect(pendingWords([])).toBeNull();
});

it("names what waits once each, a field of a newer node by its own name, and each reason once", () => {
  const reason = "The server uses 900 MiB now, too much for a limit of 512 MiB.";
  expect(
    pendingWords([
      { field: "image" },
      { field: "allocatedMemoryMb", reason },
      { field: "swapMb", reason },
      { field: "somethingNew" },
    ]),
  ).toEqual({
    summary: "Takes effect at the next start: image, memory, swap, somethingNew.",
    reasons: [reason],
  });
});
