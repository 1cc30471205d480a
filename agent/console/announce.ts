/** Lines of the agent's own in the console of a running server, in order with the game's output. */
import { constants } from "node:fs";
import { open, stat } from "node:fs/promises";

/** A pipe takes so much in one piece, so that the line is never torn by the game's own. */
const PIPE_PIECE_BYTES = 4096;
const FLAGS = constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY;

/**
 * Writes into the pipe that is the standard output of a server's first process: its logger is at the other end.
 *
 * The process belongs to the game, which may have put anything in the pipe's place: only a pipe is written to, and one
 * that is full is not waited for.
 *
 * @returns false when the line was not taken.
 */
export async function announceToProcess(pid: number, line: string): Promise<boolean> {
  const output = `/proc/${pid}/fd/1`;
  const bytes = Buffer.from(`${line}\n`).subarray(0, PIPE_PIECE_BYTES);
  try {
    if (!(await stat(output)).isFIFO()) return false;
    const pipe = await open(output, FLAGS);
    try {
      if (!(await pipe.stat()).isFIFO()) return false;
      return (await pipe.write(bytes)).bytesWritten === bytes.length;
    } finally {
      await pipe.close();
    }
  } catch {
    return false;
  }
}
