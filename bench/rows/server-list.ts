/** `GET /api/servers` of an administrator, first with 20 servers and then with 200. */
import type { Panel } from "../../tests/world/panel.ts";
import { startBareWorker } from "../bare-worker.ts";
import { type Bench, count, type Measurement, ms } from "../bench.ts";
import { load } from "../http-load.ts";
import { median } from "../percentile.ts";
import { statementsSoFar, untilQuiet } from "../proxy-statements.ts";

const FEW = 20;
const MANY = 200;
const FIRST_PORT = 30_000;
const WARM_UP_MS = 2_000;
const DURATION_MS = 6_000;
const TARGET_ONE = 500;
const TARGET_FIFTY = 1_000;
const TARGET_STATEMENTS = 2;
/** Flat: with ten times the servers, at least this share of the rate. */
const FLAT_SHARE = 0.85;

/** Servers are made on a node whose agent never came: nothing else runs while the list is measured. */
async function createNode(panel: Panel): Promise<string> {
  const locations = await panel.must<{ id: string }[]>("GET", "/api/locations");
  const node = await panel.must<{ id: string }>("POST", "/api/nodes", {
    name: "bench-list",
    locationId: locations[0]!.id,
    hostname: "list.example.com",
    publicAddress: "192.0.2.1",
    maxMemoryMb: 1_000_000,
    maxCpuCores: 500,
  });
  return node.id;
}

async function createServers(panel: Panel, nodeId: string, from: number, to: number): Promise<string[]> {
  const ids: string[] = [];
  for (let index = from; index < to; index++) {
    ids.push(await panel.createServer({ name: `listed ${index}`, nodeId, primaryPort: FIRST_PORT + index }));
  }
  return ids;
}

async function measureList(panel: Panel, connections: number) {
  const options = {
    url: `${panel.url}/api/servers?limit=50`,
    headers: { authorization: `Bearer ${panel.token}` },
    connections,
  };
  await load({ ...options, durationMs: WARM_UP_MS });
  await untilQuiet(panel);
  const before = await statementsSoFar(panel);
  const result = await load({ ...options, durationMs: DURATION_MS });
  const statements = ((await statementsSoFar(panel)) - before) / result.requests;
  return { perSecond: result.requestsPerSecond, statements, p50: median(result.ms) };
}

/** What a Worker with one trivial query reaches in the same minute, by the same client. */
async function measureBare(panel: Panel): Promise<{ one: number; fifty: number }> {
  const bare = await startBareWorker(panel);
  const measure = async (connections: number) => {
    const options = { url: `${bare.url}/`, headers: {}, connections };
    await load({ ...options, durationMs: WARM_UP_MS });
    return (await load({ ...options, durationMs: DURATION_MS })).requestsPerSecond;
  };
  try {
    return { one: await measure(1), fifty: await measure(50) };
  } finally {
    await bare.stop();
  }
}

export const serverList: Measurement = {
  name: "server-list",
  async measure(bench: Bench) {
    const panel = await bench.panel();
    const nodeId = await createNode(panel);
    const ids = await createServers(panel, nodeId, 0, FEW);
    try {
      const fewOne = await measureList(panel, 1);
      const fewFifty = await measureList(panel, 50);
      ids.push(...(await createServers(panel, nodeId, FEW, MANY)));
      const one = await measureList(panel, 1);
      const fifty = await measureList(panel, 50);
      const bare = await measureBare(panel);
      const statements = Math.max(one.statements, fifty.statements);
      const flatness = Math.min(one.perSecond / fewOne.perSecond, fifty.perSecond / fewFifty.perSecond);
      return [
        {
          name: "server-list",
          work: `\`GET /api/servers\`, ${MANY} servers, page of 50, 1 / 50 connections`,
          bestOfField: "830 / 1,042 requests/s, 6 statements",
          target: "≥ 500 / ≥ 1,000 requests/s, at most 2 statements, flat with the number of servers",
          here: `${count(one.perSecond)} / ${count(fifty.perSecond)} requests/s, ${statements.toFixed(1)} statements`,
          ratio: `${(one.perSecond / bare.one).toFixed(2)} / ${(fifty.perSecond / bare.fifty).toFixed(2)} (of a bare Worker)`,
          isMet:
            one.perSecond >= TARGET_ONE &&
            fifty.perSecond >= TARGET_FIFTY &&
            Math.round(statements * 10) / 10 <= TARGET_STATEMENTS &&
            flatness >= FLAT_SHARE,
          notes: [
            `p50 ${ms(one.p50)} / ${ms(fifty.p50)} ms; with ${FEW} servers (and so ${FEW} on the page) ${count(fewOne.perSecond)} / ${count(fewFifty.perSecond)} requests/s. A bare Worker with one trivial query through the same proxy, in the same run: ${count(bare.one)} / ${count(bare.fifty)} requests/s.`,
          ],
        },
      ];
    } finally {
      for (const id of ids) await panel.api("DELETE", `/api/servers/${id}?force=true`);
      await panel.api("DELETE", `/api/nodes/${nodeId}`);
    }
  },
};
