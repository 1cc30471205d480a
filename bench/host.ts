import { execFileSync } from "node:child_process";
import { cpus, release, totalmem } from "node:os";
import pg from "pg";

/** What a figure depends on besides the code. */
export interface HostFacts {
  cores: number;
  cpu: string;
  memoryGib: number;
  kernel: string;
  node: string;
  workerd: string;
  postgres: string;
}

export async function hostFacts(databaseUrl: string): Promise<HostFacts> {
  const cores = cpus();
  const workerd = execFileSync("node_modules/.bin/workerd", ["--version"], { encoding: "utf8" });
  return {
    cores: cores.length,
    cpu: cores[0]?.model.trim() ?? "unknown",
    memoryGib: Math.round(totalmem() / 1024 ** 3),
    kernel: release(),
    node: process.versions.node,
    workerd: workerd.trim().replace("workerd ", ""),
    postgres: await postgresVersion(databaseUrl),
  };
}

async function postgresVersion(url: string): Promise<string> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<{ server_version: string }>("show server_version");
    return rows[0]!.server_version.split(" ")[0]!;
  } finally {
    await client.end();
  }
}
