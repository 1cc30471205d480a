import { expect, it } from "vitest";
import { readAnswer } from "./http-answer.ts";

const read = (text: string) => readAnswer(Buffer.from(text));

it("waits for as many bytes as the answer announces", () => {
  const answer = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
  for (let length = 0; length < answer.length; length++) expect(read(answer.slice(0, length))).toBeNull();
  expect(read(answer)).toEqual({ status: 200 });
});

it("waits for the last chunk, and is not fooled by text that looks like it", () => {
  const answer = "HTTP/1.1 503 No\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n0\r\n\r\nabcd\r\n0\r\n\r\n";
  for (let length = 0; length < answer.length; length++) expect(read(answer.slice(0, length))).toBeNull();
  expect(read(answer)).toEqual({ status: 503 });
});

it("refuses an answer whose end cannot be told", () => {
  expect(() => read("HTTP/1.1 200 OK\r\n\r\nhello")).toThrow("without a length");
});
