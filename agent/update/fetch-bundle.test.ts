import { expect, it } from "vitest";
import { isProtected } from "./fetch-bundle.ts";

it.each([
  ["https://panel.example.com", true],
  ["http://127.0.0.1:3000", true],
  ["http://localhost:3000", true],
  ["http://[::1]:3000", true],
  ["http://panel.example.com", false],
  ["http://127.0.0.1.example.com", false],
  ["http://192.168.1.5:3000", false],
])("an update from %s is safe from whoever is on the way: %s", (url, isSafe) => {
  expect(isProtected(new URL(url))).toBe(isSafe);
});
