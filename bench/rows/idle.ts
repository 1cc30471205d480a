/** Twenty running servers that nobody watches: what a minute of them costs, and the memory of their agent. */
import type { Panel } from "../../tests/world/panel.ts";
import { cpuTimeMs, ownMemory, residentBytes } from "../../tests/world/processes.ts";
import { until } from "../../tests/world/until.ts";
import { type Bench, type Measurement, ms } from "../bench.ts";
import { statementsSoFar, untilQuiet } from "../proxy-statements.ts";
import type { Row } from "../report.ts";

const SERVERS = 20;
const MINUTE_MS = 60_000;
const MIB = 1024 * 1024;
const TARGET_MESSAGES = 2;
const TARGET_CPU_MS = 300;
const TARGET_RESIDENT_MIB = 80;

interface AgentStats {
  link: { framesSent: number };
  servers: { state: string }[];
}

const agentStats = async (panel: Panel): Promise<AgentStats> =>
  (await fetch(panel.ready.nodes[0]!.statsUrl)).json() as Promise<AgentStats>;

interface Reading {
  statements: number;
  messages: number;
  agentCpuMs: number;
  edgeCpuMs: number;
}

/** Figures of processes alone, read before and after those that ask somebody for them. */
async function read(panel: Panel): Promise<Reading> {
  const agentCpuMs = cpuTimeMs(panel.agentPid());
  const edgeCpuMs = cpuTimeMs(panel.workerPid());
  const statements = await statementsSoFar(panel);
  return { agentCpuMs, edgeCpuMs, statements, messages: (await agentStats(panel)).link.framesSent };
}

async function startServers(panel: Panel): Promise<string[]> {
  const limits = { allocatedMemoryMb: 16, allocatedCpuCores: 0.05, allocatedDiskMb: 16 };
  const ids: string[] = [];
  for (let i = 0; i < SERVERS; i++) ids.push(await panel.createServer({ name: `idle ${i}`, ...limits }));
  for (const id of ids) await panel.must("POST", `/api/servers/${id}/start`);
  await until(
    "all servers run",
    async () => (await agentStats(panel)).servers.filter(({ state }) => state === "running").length === SERVERS,
    60_000,
  );
  return ids;
}

async function measureMinute(panel: Panel): Promise<Row[]> {
  const before = await read(panel);
  await new Promise((resolve) => setTimeout(resolve, MINUTE_MS));
  const after = await read(panel);
  const statements = after.statements - before.statements;
  const messages = after.messages - before.messages;
  const agentCpuMs = after.agentCpuMs - before.agentCpuMs;
  const edgeCpuMs = after.edgeCpuMs - before.edgeCpuMs;
  const residentMib = residentBytes(panel.agentPid()) / MIB;
  const proportionalMib = ownMemory(panel.agentPid()).proportional / MIB;
  return [
    {
      name: "idle",
      work: `${SERVERS} running servers, nobody watching, per minute`,
      bestOfField: "0 statements, 0.1 s CPU",
      target: "0 statements, ≤ 2 messages from the agent, ≤ 0.3 s CPU of agent and edge",
      here: `${statements} statements, ${messages} messages, ${((agentCpuMs + edgeCpuMs) / 1000).toFixed(2)} s CPU`,
      ratio: "",
      isMet: statements === 0 && messages <= TARGET_MESSAGES && agentCpuMs + edgeCpuMs <= TARGET_CPU_MS,
      notes: [
        `agent ${ms(agentCpuMs)} ms, edge ${ms(edgeCpuMs)} ms of CPU; the messages are keep-alives, which the edge answers without waking the hub.`,
      ],
    },
    {
      name: "idle",
      work: `agent resident, ${SERVERS} servers`,
      bestOfField: "9 MB (Rust), 56 MB (panel and daemon in one)",
      target: "≤ 80 MB",
      here: `${residentMib.toFixed(0)} MB`,
      ratio: "",
      isMet: residentMib <= TARGET_RESIDENT_MIB,
      notes: [`MB are MiB; proportional set size ${proportionalMib.toFixed(0)} MB.`],
    },
  ];
}

export const idle: Measurement = {
  name: "idle",
  async measure(bench: Bench) {
    const panel = await bench.panel();
    const ids = await startServers(panel);
    try {
      await untilQuiet(panel);
      return await measureMinute(panel);
    } finally {
      for (const id of ids) await panel.api("DELETE", `/api/servers/${id}`);
    }
  },
};
