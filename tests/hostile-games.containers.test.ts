/**
 * A hostile game harms only itself: while it does its worst in its container the agent that looks after it, the logger
 * of its console and a neighbour's console stay as they are. The agent is the process as it ships.
 */
import { randomBytes } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { serverPaths } from "../agent/console/server-paths.ts";
import { makeWorld, type World } from "../agent/testing/agent-process.ts";
import { serverSpec } from "../agent/testing/server-spec.ts";
import { waitUntil } from "../agent/testing/wait-until.ts";
import type { LogsReply } from "../protocol/agent-replies.ts";
import type { ResourceStats } from "../protocol/frames/shared.ts";
import type { ServerSpec } from "../protocol/spec.ts";
import { ownMemory, processesOf, processIds, residentBytes } from "./world/processes.ts";

const MIB = 2 ** 20;
const IMAGE = "catalyst-test/echo:1";
/** An agent that keeps any of these attacks in memory grows by more: the flood alone is four times as much. */
const AGENT_GROWTH_MAX_MIB = 24;
const FLOOD_MIB = 100;
/** Of its own, without what it shares with other loggers. */
const LOGGER_MAX_MIB = 4;
const ROUND_TRIPS = 40;
/** Generous: the machine may be busy with other things; a neighbour that is starved takes seconds. */
const P99_MAX_MS = 1_500;
const LIMITS = { memoryMb: 64, pidsLimit: 40, cpuCores: 0.5, diskMb: 48 };

let world: World;
const suffix = randomBytes(6).toString("hex");
const neighbour = `neighbour-${suffix}`;
const base = { image: IMAGE, installImage: IMAGE, allocations: [], networkMode: "bridge" as const };
const besides = serverSpec({ ...base, id: neighbour });

beforeAll(async () => {
  world = await makeWorld(`node-${suffix}`, { runtime: "nerdctl" });
  world.plane.setServers(besides);
  world.agent.start();
  await world.plane.startServer(neighbour, 60_000);
});
afterEach(() => world.plane.setServers(besides));
afterAll(async () => {
  const { plane, agent } = world;
  await plane.connected();
  plane.setServers();
  await waitUntil("the games to be gone", () => processesOf(`${agent.dataDir}/servers/`).length === 0, 60_000);
  await world.close();
});

const logs = async (serverId: string, from: number | null, limitBytes = 65_536) => {
  const answer = await world.plane.request({ op: "logs", serverId, from, limitBytes });
  return answer.ok ? (answer.data as LogsReply) : { data: "", latest: 0 };
};
const says = (serverId: string, words: string, deadlineMs = 60_000) =>
  waitUntil(`"${words}"`, async () => (await logs(serverId, null)).data.includes(words), deadlineMs);
const stats = async (serverId: string) => {
  const answer = await world.plane.request({ op: "stats", serverId });
  return answer.ok ? (answer.data as ResourceStats) : null;
};
const type = (serverId: string, data: string) => world.plane.request({ op: "console_input", serverId, data });

async function echoP99(tag: string): Promise<number> {
  const times: number[] = [];
  for (let trip = 0; trip < ROUND_TRIPS; trip++) {
    const sentAt = performance.now();
    await type(neighbour, `${tag}-${trip}`);
    await says(neighbour, `echo: ${tag}-${trip}\n`);
    times.push(performance.now() - sentAt);
  }
  return times.sort((a, b) => a - b)[Math.floor(ROUND_TRIPS * 0.99) - 1]!;
}

function loggerOf(serverId: string): number | undefined {
  const { console } = serverPaths(world.agent.dataDir, serverId);
  return processIds().find((pid) => {
    try {
      const [, program = "", , folder] = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
      return program.endsWith("console-logger") && folder === console;
    } catch {
      return false;
    }
  });
}

/** Looks at the memory of agent and logger ten times a second. */
class Watch {
  agentPeak = 0;
  loggerPeak = 0;
  readonly #timer: NodeJS.Timeout;

  constructor(serverId: string) {
    let logger: number | undefined;
    this.#timer = setInterval(() => {
      this.agentPeak = Math.max(this.agentPeak, agentMib());
      logger ??= loggerOf(serverId);
      try {
        if (logger) this.loggerPeak = Math.max(this.loggerPeak, ownMemory(logger).privateDirty / MIB);
      } catch {
        // It ended with its game.
      }
    }, 100);
  }

  end(): void {
    clearInterval(this.#timer);
  }
}

const agentMib = () => residentBytes(world.agent.pid) / MIB;

interface Attack {
  command: string;
  spec?: Partial<ServerSpec>;
  /** Goes on beside the neighbour's echoes; resolves when the attack has been what it is meant to be. */
  whileItRuns: (id: string) => Promise<unknown>;
}

/** Lines of 16 KiB each, as fast as the agent takes them: 32 MiB. */
async function floodInput(id: string): Promise<string[]> {
  const line = "x".repeat(16 * 1024);
  const answers: string[] = [];
  for (let batch = 0; batch < 8; batch++) {
    const sent = await Promise.all(Array.from({ length: 256 }, () => type(id, line)));
    answers.push(...sent.map((answer) => (answer.ok ? "ok" : answer.code)));
  }
  return answers;
}

const ATTACKS: Record<string, Attack> = {
  "writes until its disk is full, and goes on writing": {
    command: `n=0; while :; do cat /dev/zero >> /data/big; n=$((n+1)); echo "full $n"; sleep 0.1; done`,
    whileItRuns: async (id) => {
      await says(id, "full 20");
      expect(await stats(id)).toMatchObject({ diskState: "full", diskLimitKind: "hard" });
    },
  },
  "forks until its limit": {
    command: "while :; do (while :; do sleep 5 & done) 2>/dev/null; done",
    whileItRuns: async (id) => {
      let most = 0;
      await waitUntil("its limit of processes", async () => {
        most = Math.max(most, (await stats(id))?.processCount ?? 0);
        return most >= LIMITS.pidsLimit - 2;
      });
      expect(most).toBeLessThanOrEqual(LIMITS.pidsLimit);
    },
  },
  "allocates until it is ended, again and again": {
    command: `n=0; while :; do awk 'BEGIN { s = "x"; while (1) s = s s }'; n=$((n+1)); echo "ended $n"; done`,
    whileItRuns: (id) => says(id, "ended 5"),
  },
  "floods its output": {
    command: "exec yes 'the quick brown fox jumps over the lazy dog'",
    whileItRuns: async (id) => {
      world.plane.send({ type: "console_open", serverId: id });
      await waitUntil("the flood", async () => (await logs(id, null, 1)).latest >= FLOOD_MIB * MIB, 90_000);
    },
  },
  "ignores every signal": {
    command: "trap '' TERM INT HUP QUIT; while :; do sleep 0.2; done",
    spec: { stopTimeoutSeconds: 3, stopCommand: "stop" },
    whileItRuns: async (id) => {
      await world.plane.power(id, "stop");
      await world.plane.inState(id, "stopped", 60_000);
    },
  },
  "closes its input while viewers type": {
    command: "exec 0<&-; while :; do sleep 1; done",
    whileItRuns: async (id) => expect(new Set(await floodInput(id))).toEqual(new Set(["SERVER_NOT_RUNNING"])),
  },
  "never reads its input while viewers type": {
    command: "exec sleep 1000",
    whileItRuns: async (id) => {
      const answers = await floodInput(id);
      // The pipe takes a few lines.
      expect(answers.filter((answer) => answer === "ok").length).toBeLessThan(8);
      expect(answers.at(-1)).toBe("CONTAINER_ERROR");
    },
  },
};

const mib = (value: number) => value.toFixed(1);

describe("the agent's and the logger's memory, and a neighbour's echo, stay flat while a game", () => {
  it.each(Object.entries(ATTACKS))("%s", async (what, { command, spec, whileItRuns }) => {
    const { plane } = world;
    const id = `hostile-${randomBytes(6).toString("hex")}`;
    const hostile = serverSpec({ ...base, id, ...LIMITS, readyPattern: "", startup: command, ...spec });
    const p99Before = await echoP99("before");
    const before = agentMib();
    const watch = new Watch(id);
    try {
      plane.setServers(besides, hostile);
      await plane.startServer(id, 60_000);
      const [p99] = await Promise.all([echoP99("during"), whileItRuns(id)]);
      await plane.power(id, "kill");
      await waitUntil("its end", () => ["stopped", "crashed"].includes(plane.lastEvent(id)?.state ?? ""), 60_000);
      expect(p99).toBeLessThan(Math.max(P99_MAX_MS, 5 * p99Before));
      await waitUntil("memory as before", () => agentMib() - before < AGENT_GROWTH_MAX_MIB, 10_000);
      console.log(
        `${what}: agent ${mib(before)} MiB before, ${mib(watch.agentPeak)} at most, ${mib(agentMib())} after;`,
        `logger ${mib(watch.loggerPeak)} of its own at most; neighbour's echo p99 ${p99Before.toFixed(0)} ms before, ${p99.toFixed(0)} during`,
      );
      expect(watch.agentPeak - before).toBeLessThan(AGENT_GROWTH_MAX_MIB);
      expect(watch.loggerPeak).toBeGreaterThan(0);
      expect(watch.loggerPeak).toBeLessThan(LOGGER_MAX_MIB);
    } finally {
      watch.end();
    }
  });
});

/** How much a game has written, by the names of its log's parts. */
function writtenBytes(serverId: string): number {
  const { console } = serverPaths(world.agent.dataDir, serverId);
  const parts = readdirSync(console).filter((name) => name.startsWith("@"));
  return Number.parseInt(parts.sort().at(-1)?.slice(1, 17) ?? "0", 16);
}

it("the agent's memory stays flat while a game floods its output and the panel takes nothing", async () => {
  const { plane } = world;
  const id = `hostile-${randomBytes(6).toString("hex")}`;
  const startup = "read -r go; exec yes flood";
  plane.setServers(besides, serverSpec({ ...base, id, ...LIMITS, readyPattern: "", startup }));
  await plane.startServer(id, 60_000);
  const before = agentMib();
  const watch = new Watch(id);
  try {
    plane.send({ type: "console_open", serverId: id });
    plane.send({ type: "watch", serverIds: [id, neighbour], health: true });
    await type(id, "go");
    plane.stopReading();
    await waitUntil("the flood", () => writtenBytes(id) >= FLOOD_MIB * MIB, 90_000);
  } finally {
    watch.end();
  }
  console.log(`agent ${mib(before)} MiB before, ${mib(watch.agentPeak)} at most`);
  const { connections } = plane;
  plane.drop();
  await waitUntil("the agent to be back", () => plane.connections > connections && plane.isConnected, 60_000);
  expect(watch.agentPeak - before).toBeLessThan(AGENT_GROWTH_MAX_MIB);
});
