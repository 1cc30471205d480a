/** The game server of the console measurements: obeys `talk.ts` on its standard input. */
import { writeSync } from "node:fs";
import { createInterface } from "node:readline";
import { obey } from "./talk.ts";

// Written at once and whole, so that the time in a line is the time it was printed.
const print = (text: string) => {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; ) at += writeSync(1, bytes, at);
};

createInterface({ input: process.stdin }).on("line", (line) => obey(line, print));
print("ready\n");
