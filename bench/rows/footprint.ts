/** Fifty running containers that nobody watches: what the agent takes for them, and what stands around each. */
import { Panel } from "../../tests/world/panel.ts";
import { type OwnMemory, ownMemory, residentBytes } from "../../tests/world/processes.ts";
import { until } from "../../tests/world/until.ts";
import { type Measurement, ms } from "../bench.ts";
import { openConsole, sleeperTemplate, startAndTime, whatIsMissing } from "../containers.ts";
import { median, percentile } from "../percentile.ts";
import type { Row } from "../report.ts";
import { familyCpuMs, listProcesses, serverProcesses } from "../server-processes.ts";

const SERVERS = 50;
const MINUTE_MS = 60_000;
/** The end of the last start is not part of being idle. */
const SETTLE_MS = 10_000;
const REMOVAL_DEADLINE_MS = 180_000;
const MIB = 1024 * 1024;
const TARGET_CPU_PERCENT = 1;
const TARGET_RESIDENT_MIB = 120;
const TARGET_LOGGER_BYTES = 1024 * 1024;
const TARGET_START_MS = 1_500;
const NAME = "footprint";
const LIMITS = { allocatedMemoryMb: 16, allocatedCpuCores: 0.05, allocatedDiskMb: 16 };

const mib = (bytes: number) => (bytes / MIB).toFixed(bytes < 10 * MIB ? 2 : 0);

/** One after another, as the row's p50 is of a start that has the machine to itself. */
async function startServers(panel: Panel): Promise<number[]> {
  const templateId = await sleeperTemplate(panel);
  const times: number[] = [];
  for (let i = 0; i < SERVERS; i++) {
    const serverId = await panel.createServer({ name: `footprint ${i}`, templateId, ...LIMITS });
    const socket = await openConsole(panel, serverId);
    times.push(await startAndTime(panel, serverId, socket).finally(() => socket.terminate()));
  }
  await until("all servers run", async () => (await runningCount(panel)) === SERVERS, 30_000);
  return times;
}

const runningCount = async (panel: Panel): Promise<number> =>
  (await panel.agentStats()).servers.filter(({ state }) => state === "running").length;

/** Fifty containers take longer to go than the end of a panel waits. */
async function removeServers(panel: Panel): Promise<void> {
  const servers = await panel.must<{ id: string }[]>("GET", "/api/servers?limit=200");
  for (const { id } of servers) await panel.api("DELETE", `/api/servers/${id}`);
  await until(
    "the containers are gone",
    async () => (await panel.agentStats()).servers.length === 0,
    REMOVAL_DEADLINE_MS,
  );
}

function startRow(times: readonly number[]): Row {
  const p50 = median(times);
  return {
    name: NAME,
    work: `request → container running, p50 of ${SERVERS} servers started one after another`,
    bestOfField: "not known",
    target: "< 1.5 s",
    here: `${(p50 / 1000).toFixed(2)} s`,
    ratio: "",
    isMet: p50 < TARGET_START_MS,
    notes: [
      `p99 ${(percentile(times, 0.99) / 1000).toFixed(2)} s; p50 of the first ten ${ms(median(times.slice(0, 10)))} ms, of the last ten ${ms(median(times.slice(-10)))} ms.`,
    ],
  };
}

async function agentRow(panel: Panel): Promise<Row> {
  const pid = panel.agentPid();
  const before = familyCpuMs(pid, listProcesses());
  const since = performance.now();
  await new Promise((resolve) => setTimeout(resolve, MINUTE_MS));
  const processes = listProcesses();
  const cpuMs = familyCpuMs(pid, processes) - before;
  const percent = (cpuMs / (performance.now() - since)) * 100;
  if (pid !== panel.agentPid()) throw new Error("the agent was started again meanwhile");
  const running = await runningCount(panel);
  if (running !== SERVERS) throw new Error(`only ${running} servers ran to the end`);
  const resident = residentBytes(pid);
  const children = processes.filter(({ parentPid }) => parentPid === pid);
  const childrenBytes = children.reduce((sum, child) => sum + ownMemory(child.pid).proportional, 0);
  return {
    name: NAME,
    work: `agent with ${SERVERS} running idle containers, 60 s`,
    bestOfField: "not known",
    target: "< 1 % CPU, < 120 MB resident",
    here: `${percent.toFixed(2)} % CPU, ${mib(resident)} MB`,
    ratio: "",
    isMet: percent < TARGET_CPU_PERCENT && resident < TARGET_RESIDENT_MIB * MIB,
    notes: [
      `per cent of one core, of the agent and all that it runs; MB are MiB; proportional set size ${mib(ownMemory(pid).proportional)} MB. For all servers together it keeps ${children.length} process (\`nerdctl events\`), whose proportional set size is ${mib(childrenBytes)} MB.`,
    ],
  };
}

function serverRow(panel: Panel): Row {
  const servers = serverProcesses(listProcesses(), panel.ready.dataDir);
  if (servers.length !== SERVERS) throw new Error(`${servers.length} shims with a logger for ${SERVERS} servers`);
  const loggers = servers.map(({ logger }) => ownMemory(logger));
  const inits = servers.filter(({ init }) => init > 0).map(({ init }) => ownMemory(init));
  const shims = servers.map(({ shim }) => ownMemory(shim));
  const others = servers.reduce((sum, server) => sum + server.others.length, 0);
  const largestLogger = Math.max(...loggers.map(({ privateDirty }) => privateDirty));
  const memory = (of: OwnMemory[]) =>
    `${mib(median(of.map(({ privateDirty }) => privateDirty)))} MB private dirty, ${mib(median(of.map(({ proportional }) => proportional)))} MB proportional`;
  return {
    name: NAME,
    work: `processes and memory around each of ${SERVERS} containers`,
    bestOfField: "not known",
    target: "a shim, its init, and a logger under 1 MB of its own; of Catalyst nothing else",
    here: `logger ${mib(largestLogger)} MB at most; ${others} processes besides shim, init and logger`,
    ratio: "",
    isMet: largestLogger < TARGET_LOGGER_BYTES && others === 0 && inits.length === SERVERS,
    notes: [
      `own memory is private dirty pages. Medians: shim ${memory(shims)}; init ${memory(inits)}; logger ${memory(loggers)}.`,
    ],
  };
}

export const footprint: Measurement = {
  name: NAME,
  async measure() {
    const reason = await whatIsMissing();
    if (reason) return [{ name: NAME, work: `${SERVERS} running idle containers`, reason }];
    const panel = await Panel.start({ runtime: "nerdctl" });
    try {
      const times = await startServers(panel);
      await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
      return [await agentRow(panel), serverRow(panel), startRow(times)];
    } finally {
      await removeServers(panel);
      await panel.stop();
    }
  },
};
