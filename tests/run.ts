/**
 * `npm test`: every check, cheapest first. What this machine cannot run is named with the command that would enable
 * it; with `CI=true` nothing may be missing. Ends with one line, `N passed, N failed`.
 *
 * Arguments name the steps to run (`npm test -- unit pg`); without any, all run.
 */
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";

interface Step {
  name: string;
  /** Command line, or the vitest project to run. */
  run: { command: string[] } | { project: string };
  /** Says what is lacking and how to get it, or null when the step can run. */
  lacks?: () => string | null;
}

const isOnPath = (program: string) => spawnSync("sh", ["-c", `command -v ${program}`]).status === 0;

const lacksBrowser = () => (isOnPath("chromium") ? null : "Chromium; get it with: sudo tests/setup/browser.sh");

function lacksContainers(): string | null {
  const missing = ["nerdctl", "containerd", "runc"].filter((program) => !isOnPath(program));
  if (missing.length > 0) return `${missing.join(", ")}; get them with: sudo tests/setup/container-tools.sh`;
  if (!process.env.CONTAINERD_ADDRESS || !existsSync(process.env.CONTAINERD_ADDRESS))
    return 'a running containerd; start one with: eval "$(sudo tests/setup/containerd.sh start)"';
  return null;
}

const lacksMinecraft = () =>
  lacksContainers() ??
  (existsSync("tests/minecraft/node_modules")
    ? null
    : "a Minecraft client; get it with: tests/setup/minecraft-client.sh");

const steps: Step[] = [
  { name: "lint", run: { command: ["npm", "run", "--silent", "lint"] } },
  { name: "types", run: { command: ["npm", "run", "--silent", "typecheck"] } },
  { name: "unit", run: { project: "unit" } },
  { name: "pg", run: { project: "pg" } },
  { name: "workers", run: { project: "workers" } },
  { name: "build", run: { command: ["npm", "run", "--silent", "build"] } },
  { name: "deploy-check", run: { command: ["npm", "run", "--silent", "deploy:check"] } },
  { name: "e2e", run: { project: "e2e" } },
  { name: "browser", run: { project: "browser" }, lacks: lacksBrowser },
  { name: "containers", run: { project: "containers" }, lacks: lacksMinecraft },
];

interface Count {
  passed: number;
  failed: number;
  /** Names of the tests that failed, for the summary: what scrolled by is not looked for. */
  failures?: string[];
}

interface Report {
  numPassedTests?: number;
  numFailedTests?: number;
  numPendingTests?: number;
  numTodoTests?: number;
  testResults?: {
    name: string;
    message?: string;
    assertionResults: { fullName: string; status: string; failureMessages?: string[] }[];
  }[];
}

const FAILURE_MAX_CHARS = 400;
/** The sentence and where it was said, without the runner's own stack. */
const firstWords = (message: string) => message.split("\n", 2).join(" ").slice(0, FAILURE_MAX_CHARS);

/** Each test that failed, or file that did not load, with the beginning of why. */
function failuresIn({ testResults = [] }: Report): string[] {
  return testResults.flatMap(({ name, message, assertionResults }) => {
    const file = relative(process.cwd(), name);
    const failed = assertionResults.filter(({ status }) => status === "failed");
    if (failed.length === 0) return message ? [`${file}: ${firstWords(message)}`] : [];
    return failed.map(
      ({ fullName, failureMessages = [] }) => `${file} > ${fullName}: ${failureMessages.map(firstWords).join(" ")}`,
    );
  });
}

function run(command: string[]): Promise<number> {
  return new Promise((resolve) => {
    const child = spawn(command[0]!, command.slice(1), { stdio: ["ignore", "inherit", "inherit"] });
    child.on("error", () => resolve(127));
    child.on("exit", (code) => resolve(code ?? 1));
  });
}

async function runVitest(project: string, reportFile: string): Promise<Count> {
  const status = await run([
    process.execPath,
    "node_modules/vitest/vitest.mjs",
    "run",
    "--project",
    project,
    "--reporter=default",
    "--reporter=json",
    `--outputFile.json=${reportFile}`,
  ]);
  const report: Report = existsSync(reportFile) ? JSON.parse(readFileSync(reportFile, "utf8")) : {};
  const passed: number = report.numPassedTests ?? 0;
  const failed: number = (report.numFailedTests ?? 0) + (report.numPendingTests ?? 0) + (report.numTodoTests ?? 0);
  // A file that does not load, or a step that ran nothing, is a failure that no single test stands for.
  const broken = failed === 0 && (status !== 0 || passed === 0) ? 1 : 0;
  return { passed, failed: failed + broken, failures: failuresIn(report) };
}

async function runStep(step: Step, reports: string): Promise<Count> {
  if ("project" in step.run) return runVitest(step.run.project, join(reports, `${step.name}.json`));
  const failed = (await run(step.run.command)) === 0 ? 0 : 1;
  return { passed: 1 - failed, failed };
}

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !steps.some((step) => step.name === name));
if (unknown.length > 0) {
  console.error(`No such step: ${unknown.join(", ")}. There are: ${steps.map((step) => step.name).join(", ")}.`);
  process.exit(2);
}

const reports = mkdtempSync(join(tmpdir(), "catalyst-tests-"));
const total: Count = { passed: 0, failed: 0 };
const summary: string[] = [];
for (const step of steps) {
  if (wanted.length > 0 && !wanted.includes(step.name)) continue;
  const lack = step.lacks?.() ?? null;
  if (lack !== null) {
    if (process.env.CI) total.failed += 1;
    summary.push(`${process.env.CI ? "FAILED" : "skipped"}  ${step.name}: this machine lacks ${lack}`);
    continue;
  }
  console.log(`\n── ${step.name}`);
  const startedAt = performance.now();
  const count = await runStep(step, reports);
  total.passed += count.passed;
  total.failed += count.failed;
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  summary.push(
    `${count.failed === 0 ? "ok    " : "FAILED"}  ${step.name}: ${count.passed} passed, ${count.failed} failed (${seconds} s)`,
    ...(count.failures ?? []).map((failure) => `          ${failure}`),
  );
}
rmSync(reports, { recursive: true, force: true });

console.log(`\n${summary.join("\n")}\n\n${total.passed} passed, ${total.failed} failed`);
process.exit(total.failed === 0 ? 0 : 1);
