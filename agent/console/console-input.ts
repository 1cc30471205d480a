/** Writing a line into a game's standard input, without ever waiting on the game. */
import { closeSync, constants, fstatSync, openSync, writeSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import type { ErrorCode } from "../../protocol/errors.ts";
import { CONSOLE_INPUT_MAX_BYTES } from "../../protocol/limits.ts";
import type { ServerPaths } from "../runtime/container-runtime.ts";

/** A game that has not read its input for this long gets no more of it: a line never comes long after it was typed. */
const WRITE_DEADLINE_MS = 2_000;
/** Of lines that wait for one game to read; more is refused at once. */
const WAITING_MAX_BYTES = 256 * 1024;
/** What a short line takes while it waits. */
const WAITING_LINE_BYTES = 128;
const RETRY_MS = 10;
/** Everything that would end the line or steer a terminal; tabs may pass. */
const CONTROL_CHARACTER = /[\x00-\x08\x0a-\x1f\x7f]/;

export class ConsoleInputError extends Error {
  override name = "ConsoleInputError";
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

const lastWrite = new Map<string, Promise<unknown>>();
/** Bytes of waiting lines, by pipe. */
const waiting = new Map<string, number>();
/** Pipes in which the beginning of a line was left behind. */
const halfWritten = new Set<string>();

/**
 * Writes one line and its line end into the server's console pipe. Lines of one server are written one after another,
 * each whole.
 *
 * @param line without line end, at most `CONSOLE_INPUT_MAX_BYTES`.
 * @throws ConsoleInputError VALIDATION for control characters or too long a line, SERVER_NOT_RUNNING when nothing reads
 *   the pipe, CONTAINER_ERROR when the game does not read its input.
 */
export async function writeConsoleInput(paths: Pick<ServerPaths, "stdin">, line: string): Promise<void> {
  if (CONTROL_CHARACTER.test(line)) {
    throw new ConsoleInputError("VALIDATION", "a console line cannot contain line ends or control characters");
  }
  if (Buffer.byteLength(line) > CONSOLE_INPUT_MAX_BYTES) {
    throw new ConsoleInputError("VALIDATION", `a console line can have at most ${CONSOLE_INPUT_MAX_BYTES} bytes`);
  }
  const path = paths.stdin;
  const size = WAITING_LINE_BYTES + Buffer.byteLength(line);
  const waitingBytes = (waiting.get(path) ?? 0) + size;
  if (waitingBytes > WAITING_MAX_BYTES) throw unread();
  waiting.set(path, waitingBytes);
  const deadline = performance.now() + WRITE_DEADLINE_MS;
  const before = lastWrite.get(path) ?? Promise.resolve();
  const write = before.catch(() => undefined).then(() => writeLine(path, line, deadline));
  lastWrite.set(path, write);
  try {
    await write;
  } finally {
    const rest = waiting.get(path)! - size;
    if (rest > 0) waiting.set(path, rest);
    else waiting.delete(path);
    if (lastWrite.get(path) === write) lastWrite.delete(path);
  }
}

const unread = () =>
  new ConsoleInputError("CONTAINER_ERROR", "the server does not read its console; the line was not sent");

async function writeLine(path: string, line: string, deadline: number): Promise<void> {
  const fd = openPipe(path);
  try {
    // The beginning of a line that was given up must not become the beginning of this one.
    await writeAll(fd, path, Buffer.from(`${halfWritten.has(path) ? "\n" : ""}${line}\n`), deadline);
  } finally {
    closeSync(fd);
  }
}

function openPipe(path: string): number {
  let fd: number;
  try {
    fd = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // ENXIO: nobody has the pipe open for reading.
    if (code === "ENXIO" || code === "ENOENT") {
      halfWritten.delete(path);
      throw new ConsoleInputError("SERVER_NOT_RUNNING", "the server is not running");
    }
    throw new ConsoleInputError("CONTAINER_ERROR", "the server's console cannot be written to");
  }
  if (fstatSync(fd).isFIFO()) return fd;
  closeSync(fd);
  throw new ConsoleInputError("CONTAINER_ERROR", "the server's console cannot be written to");
}

/** Tries once even when the deadline has passed: the game may have begun to read while others waited before this one. */
async function writeAll(fd: number, path: string, bytes: Buffer, deadline: number): Promise<void> {
  let written = 0;
  while (written < bytes.length) {
    try {
      written += writeSync(fd, bytes, written);
      continue;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === "EPIPE") {
        halfWritten.delete(path);
        throw new ConsoleInputError("SERVER_NOT_RUNNING", "the server has just ended");
      }
      if (code !== "EAGAIN")
        throw new ConsoleInputError("CONTAINER_ERROR", "the server's console cannot be written to");
    }
    if (performance.now() > deadline) {
      if (written > 0) halfWritten.add(path);
      throw unread();
    }
    await delay(RETRY_MS);
  }
  halfWritten.delete(path);
}
