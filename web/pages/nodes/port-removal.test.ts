import { expect, test } from "vitest";
import { removalWords } from "./port-removal.ts";

test.each([
  [{ deleted: 36, inUse: 0 }, "36 ports were removed."],
  [{ deleted: 1, inUse: 2 }, "1 port was removed. 2 ports are used by servers and stay."],
  [{ deleted: 0, inUse: 1 }, "Nothing was removed: 1 port is used by a server and stays."],
  [{ deleted: 0, inUse: 0 }, "The node has no port of this range."],
])("%o", (answer, words) => expect(removalWords(answer)).toBe(words));
