import { expect, test } from "vitest";
import { Endings } from "./endings.ts";

test("a new run waits for every ending that is under way, those that fail and those that come meanwhile too", async () => {
  const endings = new Endings();
  const seen: string[] = [];
  const first = Promise.withResolvers<void>();
  const second = Promise.withResolvers<void>();
  const failing = endings.run("a", () => first.promise);
  const done = endings.done("a").then(() => seen.push("new run"));
  const later = endings.run("a", () => second.promise.then(() => void seen.push("second")));
  await endings.done("b");
  expect(seen).toEqual([]);
  first.reject(new Error("it cannot be ended"));
  await expect(failing).rejects.toThrow("it cannot be ended");
  await endings.done("b");
  expect(seen).toEqual([]);
  second.resolve();
  await later;
  await done;
  expect(seen).toEqual(["second", "new run"]);
});
