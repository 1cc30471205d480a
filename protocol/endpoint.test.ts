import { expect, test } from "vitest";
import { formatEndpoint } from "./endpoint.ts";

test("a port stands apart from its address", () => {
  expect(formatEndpoint("play.example.com", 25565)).toBe("play.example.com:25565");
  expect(formatEndpoint("2001:db8::7", 25565)).toBe("[2001:db8::7]:25565");
});
