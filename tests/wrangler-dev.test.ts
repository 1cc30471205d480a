import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { afterAll, beforeAll, expect, it } from "vitest";
import { Panel } from "./world/panel.ts";
import { until } from "./world/until.ts";

let panel: Panel;
let wrangler: ChildProcess;
let url: string;
const output: string[] = [];

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, "close");
  return port;
}

beforeAll(async () => {
  panel = await Panel.start();
  const port = await freePort();
  url = `http://127.0.0.1:${port}`;
  const variables = {
    DATABASE_URL: panel.ready.databaseUrl,
    NEON_LOCAL_PROXY: panel.ready.neonProxyUrl,
    JWT_KEYS: JSON.stringify([{ kid: "smoke", secret: Buffer.alloc(32, 7).toString("base64url") }]),
  };
  wrangler = spawn(
    "node_modules/.bin/wrangler",
    [
      "dev",
      `--port=${port}`,
      "--ip=127.0.0.1",
      "--local",
      "--show-interactive-dev-session=false",
      `--persist-to=${panel.ready.dataDir}/wrangler`,
      ...Object.entries(variables).flatMap(([name, value]) => ["--var", `${name}:${value}`]),
    ],
    { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, WRANGLER_SEND_METRICS: "false" }, detached: true },
  );
  for (const stream of [wrangler.stdout!, wrangler.stderr!]) stream.on("data", (data) => output.push(String(data)));
  await until("wrangler dev answers", async () => (await fetch(`${url}/health`)).ok, 90_000).catch((error) => {
    throw new Error(`${error.message}\n${output.join("").slice(-3000)}`);
  });
});
afterAll(async () => {
  if (wrangler?.pid && wrangler.exitCode === null) {
    process.kill(-wrangler.pid, "SIGTERM");
    await once(wrangler, "exit");
  }
  await panel?.stop();
});

it("runs the Worker that is deployed: signs in, reads Postgres, opens a hub, serves the panel", async () => {
  const login = await fetch(`${url}/api/auth/login`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ email: "admin@example.com", password: "correct horse battery" }),
  });
  const { data } = (await login.json()) as { data: { token: string } };
  const authorization = `Bearer ${data.token}`;
  const nodes = await fetch(`${url}/api/nodes`, { headers: { authorization } });
  expect(((await nodes.json()) as { data: unknown[] }).data).toHaveLength(1);

  // The agent is connected to the other edge's hub; this one's hub answers that it has none.
  const stats = await fetch(`${url}/api/nodes/${panel.nodeId}/stats`, { headers: { authorization } });
  expect([stats.status, ((await stats.json()) as { code: string }).code]).toEqual([503, "NODE_OFFLINE"]);

  const page = await fetch(`${url}/servers/anything`);
  expect(page.headers.get("content-type")).toContain("text/html");
});
