/** A Worker that does nothing but ask Postgres one thing: what the platform alone costs, on the machine at hand. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import { projectRoot } from "../local/project-root.ts";
import { startEdge } from "../local/workerd.ts";
import type { Panel } from "../tests/world/panel.ts";

const PROGRAM = `
import { neon, neonConfig } from "@neondatabase/serverless";
export default {
  async fetch(_request, env) {
    neonConfig.fetchEndpoint = env.PROXY + "/sql";
    return Response.json(await neon(env.DATABASE_URL)\`select 1 as one\`);
  },
};`;

const CONFIG = `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = (
      modules = [(name = "worker", esModule = embed "worker.js")],
      compatibilityDate = "2026-01-01",
      compatibilityFlags = ["nodejs_compat"],
      globalOutbound = "loopback",
      bindings = [
        (name = "DATABASE_URL", fromEnvironment = "DATABASE_URL"),
        (name = "PROXY", fromEnvironment = "PROXY"),
      ],
    )),
    (name = "loopback", network = (allow = ["local", "private"])),
  ],
  sockets = [(name = "http", http = (), service = "main")],
);`;

export interface BareWorker {
  url: string;
  stop(): Promise<void>;
}

/** Starts one on stock workerd that asks a panel's Postgres, through the same proxy as the panel. */
export async function startBareWorker({ ready }: Panel): Promise<BareWorker> {
  const folder = mkdtempSync(join(tmpdir(), "catalyst-bare-"));
  await build({
    stdin: { contents: PROGRAM, resolveDir: projectRoot },
    bundle: true,
    format: "esm",
    conditions: ["workerd", "worker", "browser"],
    external: ["node:*"],
    outfile: join(folder, "worker.js"),
    logLevel: "error",
  });
  const configPath = join(folder, "config.capnp");
  writeFileSync(configPath, CONFIG);
  const edge = await startEdge({
    configPath,
    host: "127.0.0.1",
    port: 0,
    environment: { DATABASE_URL: ready.databaseUrl, PROXY: ready.neonProxyUrl },
    log: (line) => console.error(line),
    onStart: () => {},
  });
  const stop = async () => {
    await edge.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  return { url: `http://127.0.0.1:${edge.port}`, stop };
}
