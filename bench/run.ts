/**
 * `npm run bench [-- ROW …]`: measures the named rows, or all, and prints the table of `docs/performance.md`.
 * `--write` measures all and puts table, machine and date into that document.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { Bench, type Measurement } from "./bench.ts";
import { hostFacts } from "./host.ts";
import { describeHost, type Row, replaceSection, type SkippedRow, toMarkdown } from "./report.ts";
import { burst } from "./rows/burst.ts";
import { containerStart } from "./rows/container-start.ts";
import { echo } from "./rows/echo.ts";
import { footprint } from "./rows/footprint.ts";
import { idle } from "./rows/idle.ts";
import { login } from "./rows/login.ts";
import { printedLine } from "./rows/printed-line.ts";
import { serverList } from "./rows/server-list.ts";
import { startAgain } from "./rows/start-again.ts";

const DOCUMENT = "docs/performance.md";
/** In the order of the table. */
const MEASUREMENTS: Measurement[] = [
  echo,
  printedLine,
  burst,
  serverList,
  login,
  idle,
  startAgain,
  containerStart,
  footprint,
];

const { values, positionals } = parseArgs({ options: { write: { type: "boolean" } }, allowPositionals: true });
const unknown = positionals.filter((name) => !MEASUREMENTS.some((measurement) => measurement.name === name));
if (unknown.length > 0) {
  console.error(`No row ${unknown.join(", ")}. There are: ${MEASUREMENTS.map(({ name }) => name).join(", ")}.`);
  process.exit(1);
}
if (values.write && positionals.length > 0) {
  console.error("--write measures every row: a document of one machine and one day has no rows of another.");
  process.exit(1);
}

const chosen = MEASUREMENTS.filter(({ name }) => positionals.length === 0 || positionals.includes(name));
const bench = new Bench();

/** A row that fails leaves the others their figures, but not the run its good end. */
async function measureOrSay({ name, measure }: Measurement): Promise<(Row | SkippedRow)[]> {
  try {
    return await measure(bench);
  } catch (error) {
    console.error(error);
    process.exitCode = 1;
    return [{ name, work: name, reason: `it failed: ${(error as Error).message}` }];
  }
}

const rows: Row[] = [];
const skipped: SkippedRow[] = [];
let section = "";
try {
  for (const measurement of chosen) {
    console.error(`measuring ${measurement.name} …`);
    for (const result of await measureOrSay(measurement)) {
      if ("reason" in result) skipped.push(result);
      else rows.push(result);
    }
  }
  const facts = await hostFacts((await bench.panel()).ready.databaseUrl);
  const date = new Date().toISOString().slice(0, 10);
  section = `${describeHost(facts, date)}\n\n${toMarkdown(rows, skipped)}`;
  console.log(section);
} finally {
  await bench.stop();
}
if (values.write) writeFileSync(DOCUMENT, replaceSection(readFileSync(DOCUMENT, "utf8"), section));
