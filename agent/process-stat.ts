/** What `/proc/<pid>/stat` says of a process. */
import { readFileSync } from "node:fs";

export interface ProcessStat {
  pid: number;
  /** One letter; Z is a process that has ended. */
  state: string;
  session: number;
  /** User and system time of it and of its children that were waited for, in clock ticks. */
  cpuTicks: number;
  /** Start, in clock ticks since the boot: with the pid it names one process beyond doubt. */
  startTicks: number;
  residentPages: number;
}

/** @returns null when the line is not whole. */
export function parseProcessStat(line: string): ProcessStat | null {
  // The command's name, in parentheses, may hold anything: fields are counted from its end.
  const nameEnd = line.lastIndexOf(")");
  const fields = line
    .slice(nameEnd + 2)
    .trim()
    .split(" ");
  if (nameEnd < 0 || fields.length < 22) return null;
  const field = (number: number) => Number(fields[number - 3]);
  return {
    pid: Number.parseInt(line, 10),
    state: fields[0]!,
    session: field(6),
    cpuTicks: field(14) + field(15) + field(16) + field(17),
    startTicks: field(22),
    residentPages: field(24),
  };
}

/** @returns null when there is no such process. */
export function readProcessStat(pid: number): ProcessStat | null {
  try {
    return parseProcessStat(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return null;
  }
}

export const hasEnded = (stat: ProcessStat): boolean => stat.state === "Z" || stat.state === "X";
