/** A measured row, and the document it goes into. */
import type { HostFacts } from "./host.ts";

export interface Row {
  /** The measurement to ask for by name: `npm run bench -- NAME`. */
  name: string;
  work: string;
  bestOfField: string;
  target: string;
  here: string;
  /** Ours over the bare relay's (or the bare tool's) in the same run; empty where there is none. */
  ratio: string;
  isMet: boolean;
  /** What a reader must know to judge the figure. */
  notes: string[];
}

/** A row that could not be measured on this machine, and what it would take. */
export interface SkippedRow {
  name: string;
  work: string;
  reason: string;
}

const HEAD = ["work", "best of the field", "target", "here", "over the bare relay", "command"];

export function toMarkdown(rows: readonly Row[], skipped: readonly SkippedRow[]): string {
  const lines = [line(HEAD), line(HEAD.map(() => "---"))];
  for (const row of rows) {
    const here = `${row.here}${row.isMet ? "" : " **(misses the target)**"}`;
    lines.push(
      line([row.work, row.bestOfField, row.target, here, row.ratio || "–", `\`npm run bench -- ${row.name}\``]),
    );
  }
  for (const row of skipped) lines.push(line([row.work, "", "", `not measured: ${row.reason}`, "–", ""]));
  const notes = rows.flatMap((row) => row.notes.map((note) => `* ${row.work}: ${note}`));
  return [...lines, ...(notes.length > 0 ? ["", ...notes] : [])].join("\n");
}

const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;

export function describeHost(facts: HostFacts, date: string): string {
  const { cores, cpu, memoryGib, kernel, node, workerd, postgres } = facts;
  return [
    `Measured ${date} with \`npm run bench -- --write\` on ${cores} cores of ${cpu}, ${memoryGib} GiB of memory, Linux ${kernel};`,
    `node ${node}, workerd ${workerd}, Postgres ${postgres}. Control plane, database, agent, game servers and measuring clients share these cores.`,
  ].join("\n");
}

export const BEGIN = "<!-- bench:begin (written by npm run bench, do not edit) -->";
export const END = "<!-- bench:end -->";

/** Puts a section between the markers of a document. @throws when the document lacks them */
export function replaceSection(document: string, section: string): string {
  const begin = document.indexOf(BEGIN);
  const end = document.indexOf(END);
  if (begin < 0 || end < begin) throw new Error("the document has no place for the measurements");
  return `${document.slice(0, begin + BEGIN.length)}\n${section}\n${document.slice(end)}`;
}
