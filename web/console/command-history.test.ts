import { describe, expect, test } from "vitest";
import { loadHistory, recall, remember } from "./command-history.ts";

function memory(initial: Record<string, string> = {}) {
  const values = new Map(Object.entries(initial));
  return {
    getItem: (key: string) => values.get(key) ?? null,
    setItem: (key: string, value: string) => void values.set(key, value),
  };
}

describe("command history", () => {
  test("is kept for each server, without repetitions, at most a hundred lines", () => {
    const storage = memory();
    let history: string[] = [];
    for (let line = 0; line < 150; line++) {
      history = remember(storage, "a", history, `say ${line}`);
      history = remember(storage, "a", history, `say ${line}`);
    }
    expect(history).toHaveLength(100);
    expect(loadHistory(storage, "a")).toEqual(history);
    expect(loadHistory(storage, "b")).toEqual([]);
  });

  test("survives a damaged or refusing storage", () => {
    expect(loadHistory(memory({ "catalyst.commands.a": "{" }), "a")).toEqual([]);
    expect(loadHistory(memory({ "catalyst.commands.a": '[1,"ok"]' }), "a")).toEqual(["ok"]);
    const refusing = {
      getItem: () => null,
      setItem: () => {
        throw new Error("full");
      },
    };
    expect(remember(refusing, "a", [], "list")).toEqual(["list"]);
  });

  test("goes back and forth, and gives the unfinished line back", () => {
    const history = ["first", "second"];
    const start = { position: 2, draft: "" };
    const up = recall(history, start, "unfin", -1)!;
    expect(up.line).toBe("second");
    const top = recall(history, up.recall, "second", -1)!;
    expect(top.line).toBe("first");
    expect(recall(history, top.recall, "first", -1)).toBeNull();
    const down = recall(history, top.recall, "first", 1)!;
    const back = recall(history, down.recall, "second", 1)!;
    expect(back.line).toBe("unfin");
    expect(recall(history, back.recall, "unfin", 1)).toBeNull();
  });
});
