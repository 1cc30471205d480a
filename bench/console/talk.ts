/**
 * The language between the measuring client and whatever talks back to it: a game server (`talker.ts`), or the sender
 * behind the bare relay (`relay-sender.ts`). One command a line:
 *
 *     echo TEXT           answers `echo: TEXT`
 *     tick COUNT EVERY    prints COUNT lines `tick N MICROSECONDS`, one each EVERY milliseconds
 *     burst COUNT         prints the lines of `burst-lines.ts` as fast as it can
 */
import { burstText } from "./burst-lines.ts";

/** Microseconds of the machine's monotonic clock, which all its processes share. */
export const nowMicros = (): number => Number(process.hrtime.bigint() / 1000n);

/** Lines written at once in a burst, as a game with a buffered writer does. */
const BURST_CHUNK_LINES = 256;

/** Obeys one command; `print` takes whole lines. Unknown commands are ignored. */
export function obey(command: string, print: (text: string) => void): void {
  const [verb, ...rest] = command.split(" ");
  if (verb === "echo") print(`echo: ${rest.join(" ")}\n`);
  else if (verb === "tick") tick(Number(rest[0]), Number(rest[1]), print);
  else if (verb === "burst") burst(Number(rest[0]), print);
}

function tick(count: number, everyMs: number, print: (text: string) => void): void {
  let index = 0;
  const timer = setInterval(() => {
    print(`tick ${index} ${nowMicros()}\n`);
    index += 1;
    if (index >= count) clearInterval(timer);
  }, everyMs);
}

function burst(count: number, print: (text: string) => void): void {
  for (let from = 0; from < count; from += BURST_CHUNK_LINES) {
    print(burstText(from, Math.min(from + BURST_CHUNK_LINES, count)));
  }
}
