/** All of Catalyst on one machine: what `npm start` starts, in order, and stops in the opposite one. */
import { randomBytes } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { formatEndpoint } from "../protocol/endpoint.ts";
import { type RunningAgent, startAgent } from "./agents.ts";
import { build } from "./build.ts";
import { callDaily } from "./daily.ts";
import { DataFolder } from "./data-folder.ts";
import { startDatabase } from "./database.ts";
import { startLocalEdge } from "./edge.ts";
import { isPortFree } from "./free-port.ts";
import { LeftBehind } from "./left-behind.ts";
import { deploymentToken, ensureNode, nodeTraits } from "./nodes.ts";
import { asOperator, type Operator, type OperatorOptions } from "./operator.ts";
import { OptionError, type StartOptions } from "./options.ts";
import { stopServers } from "./stop-servers.ts";

export interface Catalyst {
  url: string;
  adminEmail: string;
  /** Null when it is not known any more. */
  adminPassword: string | null;
  databaseUrl: string;
  neonProxyUrl: string;
  workerPid(): number;
  agents: RunningAgent[];
  /** What the nodes run servers with; null for a node that has not connected yet. */
  runtimes: (string | null)[];
  stop(): Promise<void>;
}

export interface Logs {
  /** What a person who waits should see. */
  progress(line: string): void;
  /** Output of the parts, by name. */
  part(name: string): (line: string) => void;
}

const NODE_DEADLINE_MS = 20_000;

/**
 * Starts everything; when something fails, what was started is stopped again.
 *
 * @param signal aborts the start.
 * @throws OptionError, DataFolderError or Error, each with one sentence for the user.
 */
export async function startCatalyst(start: StartOptions, logs: Logs, signal: AbortSignal): Promise<Catalyst> {
  const closers: (() => Promise<void> | void)[] = [];
  const stop = async () => {
    for (let close = closers.pop(); close; close = closers.pop()) await close();
  };
  try {
    return await startParts(start, logs, signal, closers, stop);
  } catch (error) {
    await stop();
    throw error;
  }
}

async function startParts(
  start: StartOptions,
  logs: Logs,
  signal: AbortSignal,
  closers: (() => Promise<void> | void)[],
  stop: () => Promise<void>,
): Promise<Catalyst> {
  if (start.runtime === "nerdctl") {
    const { containerTrouble } = await import("./container-tools.ts");
    const trouble = await containerTrouble(start.dataDir);
    if (trouble) throw new OptionError(`--runtime nerdctl does not work here: ${trouble}`);
  }
  const folder = DataFolder.open(start.dataDir);
  closers.push(() => folder.close());
  const secrets = folder.secrets();
  const leftBehind = new LeftBehind(folder.join("processes.json"));
  for (const name of await leftBehind.endEarlier()) logs.progress(`ended ${name}, left over from a killed run`);
  if (start.port !== 0 && !(await isPortFree(start.host, start.port))) {
    throw new OptionError(`Port ${start.port} on ${start.host} is in use: choose another with --port.`);
  }
  signal.throwIfAborted();

  // The largest thing to load, while the database starts.
  const seeding = import("./seed.ts");
  seeding.catch(() => {});
  const [files, database] = await bothOrNeither(
    build(logs.progress),
    startDatabase({
      folder: folder.join("postgres"),
      log: logs.progress,
      onStart: (identity) => leftBehind.note("postgres", identity),
    }).then((started) => {
      closers.push(() => started.stop());
      return started;
    }),
  );
  const { seed } = await seeding;
  const admin = await seed(database.url, { ...start, location: { id: "local", name: "This machine" } });
  signal.throwIfAborted();

  const jwtKeys = JSON.stringify(secrets.jwtKeys);
  const dailyToken = randomBytes(32).toString("base64url");
  const edge = await startLocalEdge({
    start,
    folder,
    files,
    database,
    jwtKeys,
    metricsToken: process.env.CATALYST_METRICS_TOKEN,
    dailyToken,
    log: logs.part("edge"),
    onStart: (identity) => leftBehind.note("workerd", identity),
  });
  closers.push(() => edge.stop());
  signal.throwIfAborted();

  const url = panelUrl(start.host, edge.port);
  const access: OperatorOptions = { panelUrl: url, databaseUrl: database.url, jwtKeys };
  const agents: RunningAgent[] = [];
  const runtimes = await asOperator(access, async (operator) => {
    const nodes = Array.from({ length: start.nodeCount }, (_, index) =>
      nodeTraits(index, start.nodeCount, start.host, start.dataDir),
    );
    const known = new Set((await operator.call<{ id: string }[]>("GET", "/api/nodes?limit=200")).map(({ id }) => id));
    for (const node of nodes) {
      await ensureNode(operator, node);
      const agent = await startAgent({
        nodeId: node.id,
        folder: folder.join("nodes", node.id),
        module: files.agentModule,
        panelUrl: url,
        runtime: start.runtime,
        isKnown: known.has(node.id),
        deploymentToken: () => deploymentToken(operator, node.id),
        log: logs.part(`agent-${node.id}`),
        onStart: (identity) => leftBehind.note(`agent-${node.id}`, identity),
      });
      agents.push(agent);
      closers.push(() => agent.stop());
      signal.throwIfAborted();
    }
    return Promise.all(nodes.map((node) => untilConnected(operator, node.id, logs, signal)));
  });
  closers.push(callDaily({ url, token: dailyToken, stateFile: folder.join("swept-at"), log: logs.part("edge") }));
  if (start.stopServers) closers.push(() => stopServers(access, logs.progress));
  return {
    url: start.publicUrl ?? url,
    adminEmail: start.adminEmail,
    adminPassword: admin.adminPassword,
    databaseUrl: database.url,
    neonProxyUrl: database.proxyUrl,
    workerPid: () => edge.pid(),
    agents,
    runtimes,
    stop,
  };
}

/** Waits for both even when one fails, so that nothing starts behind the back of the clean-up. */
async function bothOrNeither<A, B>(first: Promise<A>, second: Promise<B>): Promise<[A, B]> {
  await Promise.allSettled([first, second]);
  return Promise.all([first, second]);
}

/** Waits until the agent answers through its hub. @returns what it runs servers with, or null after the deadline. */
async function untilConnected(operator: Operator, id: string, logs: Logs, signal: AbortSignal): Promise<string | null> {
  const deadline = performance.now() + NODE_DEADLINE_MS;
  for (;;) {
    signal.throwIfAborted();
    const isConnected = await operator.call("GET", `/api/nodes/${id}/stats`).then(
      () => true,
      () => false,
    );
    if (isConnected) return (await operator.call<{ runtime: string | null }>("GET", `/api/nodes/${id}`)).runtime;
    if (performance.now() > deadline) {
      logs.progress(`${id} has not connected yet; its log says why`);
      return null;
    }
    await delay(50);
  }
}

/** Where this machine reaches the panel: on loopback unless it listens on one other address alone. */
function panelUrl(host: string, port: number): string {
  const reached = ["0.0.0.0", "*", "::", "localhost"].includes(host) ? "127.0.0.1" : host;
  return `http://${formatEndpoint(reached, port)}`;
}
