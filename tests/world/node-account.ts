/** What a test of a whole node tells when it fails, so that one failure in many runs is enough to find its cause. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { AgentProcess } from "../../agent/testing/agent-process.ts";
import type { PrivateContainerd } from "../../agent/testing/private-containerd.ts";

const LINES_OF_SERVER = 40;
const LINES_OF_NODE = 60;

/**
 * The end of the agent's log, of each server and as a whole, the records of runs, and what containerd, nerdctl and the
 * network have. The whole log is kept in a file that is named.
 */
export function nodeAccount(agent: AgentProcess, containerd: PrivateContainerd, serverIds: readonly string[]): string {
  const { output, dataDir } = agent;
  const { place, folder } = containerd;
  const file = join(mkdtempSync(join(tmpdir(), "catalyst-failed-")), "agent.log");
  writeFileSync(file, output);
  const ofServer = (id: string) => output.split("\n").filter((line) => line.includes(id));
  // Asked of containerd itself: nerdctl may be what is at fault.
  const ctr = (...question: string[]) =>
    run("ctr", "--address", place.address, "--namespace", "catalyst", ...question, "list");
  const notesOfNerdctl = () => readdirSync(join(folder, "nerdctl"), { recursive: true, encoding: "utf8" });
  return [
    ...serverIds.map((id) => part(`agent's log of ${id}`, () => last(LINES_OF_SERVER, ofServer(id)))),
    part(`end of the agent's log, which is whole in ${file}`, () => last(LINES_OF_NODE, output.split("\n"))),
    part("records of runs", () => contents(join(dataDir, "nerdctl-runtime", "runs"))),
    ...["containers", "tasks", "snapshots", "leases"].map((what) => part(`containerd's ${what}`, () => ctr(what))),
    part("shims, and what runs in them", () => containerd.shims().map(familyOf).join("\n")),
    part("names and folders that nerdctl holds", () => notesOfNerdctl().filter(isHeld).join("\n")),
    part("ports that are listened at", () => run("ss", "-Hltunp")),
    part("rules of network address translation", () => run("iptables", "-t", "nat", "-S")),
    part("end of containerd's own log", () =>
      last(LINES_OF_NODE, readFileSync(join(folder, "containerd.log"), "utf8").split("\n")),
    ),
  ].join("\n");
}

/** What cannot be asked any more is no reason to tell nothing else. */
function part(name: string, ask: () => string): string {
  let text: string;
  try {
    text = ask().trim() || "nothing";
  } catch (error) {
    text = String(error);
  }
  return `--- ${name}\n${text}`;
}

const run = (program: string, ...args: string[]) => execFileSync(program, args, { encoding: "utf8", stdio: "pipe" });
const last = (count: number, lines: string[]) => lines.slice(-count).join("\n");
const isHeld = (path: string) => /\/names\/catalyst\/|\/containers\/catalyst\/[0-9a-f]{64}$/.test(path);
const contents = (files: string) =>
  readdirSync(files)
    .map((name) => readFileSync(join(files, name), "utf8"))
    .join("\n");

function familyOf({ pid, children }: { pid: number; children: number[] }): string {
  const words = (each: number) => `${each} ${readFileSync(`/proc/${each}/cmdline`, "utf8").replaceAll("\0", " ")}`;
  return [pid, ...children].map(words).join("\n  ");
}
