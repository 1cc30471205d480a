/** Writes the edge's configuration for this data folder and starts it. */
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import type { BuiltFiles } from "./build.ts";
import { type DataFolder, writeAtomically } from "./data-folder.ts";
import type { Database } from "./database.ts";
import type { StartOptions } from "./options.ts";
import type { ProcessIdentity } from "./process-identity.ts";
import { projectRoot } from "./project-root.ts";
import { type Edge, startEdge } from "./workerd.ts";
import { edgeConfig, parseAssetHeaders, parseWrangler } from "./workerd-config.ts";

export async function startLocalEdge(options: {
  start: StartOptions;
  folder: DataFolder;
  files: BuiltFiles;
  database: Database;
  jwtKeys: string;
  metricsToken: string | undefined;
  dailyToken: string;
  log(line: string): void;
  onStart(identity: ProcessIdentity): void;
}): Promise<Edge> {
  const { start, folder, files, database } = options;
  const configPath = folder.join("edge", "config.capnp");
  const storageFolder = folder.join("hubs");
  mkdirSync(dirname(configPath), { recursive: true, mode: 0o700 });
  mkdirSync(storageFolder, { recursive: true, mode: 0o700 });
  const environment: Record<string, string> = {
    DATABASE_URL: database.url,
    NEON_LOCAL_PROXY: database.proxyUrl,
    JWT_KEYS: options.jwtKeys,
    LOCAL_DAILY_TOKEN: options.dailyToken,
    ...(options.metricsToken ? { METRICS_TOKEN: options.metricsToken } : {}),
  };
  const config = edgeConfig({
    wrangler: parseWrangler(readFileSync(join(projectRoot, "wrangler.toml"), "utf8")),
    files: {
      workerModule: relative(dirname(configPath), files.workerModule),
      assetsModule: relative(dirname(configPath), files.assetsModule),
      assetsFolder: files.assetsFolder,
      storageFolder,
    },
    vars: {
      REGISTRATION: start.registration,
      // Without a proxy in front, the peer is the client; the edge itself tells its address.
      ...(start.clientIpHeader ? { CLIENT_IP_HEADER: start.clientIpHeader } : {}),
      ...(start.publicUrl ? { PUBLIC_URL: start.publicUrl } : {}),
      ...(process.env.CATALYST_AUDIT_RETENTION_DAYS
        ? { AUDIT_RETENTION_DAYS: process.env.CATALYST_AUDIT_RETENTION_DAYS }
        : {}),
    },
    isBehindProxy: start.clientIpHeader !== "",
    fromEnvironment: Object.keys(environment),
    assetHeaders: readAssetHeaders(files.assetsFolder),
  });
  writeAtomically(configPath, config);
  return startEdge({
    configPath,
    host: start.host,
    port: start.port,
    environment,
    log: options.log,
    onStart: options.onStart,
  });
}

function readAssetHeaders(assetsFolder: string) {
  const path = join(assetsFolder, "_headers");
  return existsSync(path) ? parseAssetHeaders(readFileSync(path, "utf8")) : [];
}
