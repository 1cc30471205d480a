import { expect, it } from "vitest";
import { BEGIN, END, type Row, replaceSection, toMarkdown } from "./report.ts";

const row: Row = {
  name: "echo",
  work: "typed → echoed",
  bestOfField: "3.6 ms",
  target: "≤ 8 ms",
  here: "5.0 ms",
  ratio: "4.1",
  isMet: true,
  notes: [],
};

it("says in the table itself which figure misses its target", () => {
  expect(toMarkdown([row], [])).not.toContain("misses");
  expect(toMarkdown([{ ...row, isMet: false }], [])).toContain("5.0 ms **(misses the target)**");
});

it("keeps a cell with a bar in one cell, and names what was skipped", () => {
  const table = toMarkdown(
    [{ ...row, here: "a | b", notes: ["seen twice"] }],
    [{ name: "container", work: "start", reason: "no containerd" }],
  );
  expect(table).toContain("a \\| b");
  expect(table).toContain("| start |  |  | not measured: no containerd | – |  |");
  expect(table).toContain("* typed → echoed: seen twice");
});

it("replaces what stands between the markers and nothing else", () => {
  const document = `before\n${BEGIN}\nold\n${END}\nafter\n`;
  const once = replaceSection(document, "new");
  expect(once).toBe(`before\n${BEGIN}\nnew\n${END}\nafter\n`);
  expect(replaceSection(once, "new")).toBe(once);
  expect(() => replaceSection("nothing", "new")).toThrow("no place");
});
