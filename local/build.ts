/**
 * Builds what `npm start` runs into `dist/`: the panel, the agent's bundle, the Worker's bundle.
 *
 * A part is built again only when the content of its sources has changed, so that a second start builds nothing.
 */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { bundleAgent, publishAgent } from "./build-agent.ts";
import { bundleEdge } from "./build-edge.ts";
import { endWithParent } from "./end-with-parent.ts";
import { waitForLock } from "./process-lock.ts";
import { projectRoot } from "./project-root.ts";

export interface BuiltFiles {
  workerModule: string;
  assetsModule: string;
  agentModule: string;
  assetsFolder: string;
}

const dist = join(projectRoot, "dist");
const LOCK_DEADLINE_MS = 120_000;

/** @param log told what is being built; nothing when all is up to date. */
export async function build(log: (line: string) => void): Promise<BuiltFiles> {
  mkdirSync(dist, { recursive: true });
  // Another start in the same folder may be building: then what it made is waited for and used.
  const lock = await waitForLock(join(dist, ".lock"), LOCK_DEADLINE_MS);
  try {
    return await buildParts(log);
  } finally {
    lock.release();
  }
}

async function buildParts(log: (line: string) => void): Promise<BuiltFiles> {
  const files: BuiltFiles = {
    workerModule: join(dist, "edge", "worker.mjs"),
    assetsModule: join(dist, "edge", "assets.mjs"),
    agentModule: join(dist, "agent", "catalyst-agent.mjs"),
    assetsFolder: join(dist, "web"),
  };
  const web = () =>
    whenChanged("web", ["web", "protocol"], [join(files.assetsFolder, "index.html")], async () => {
      log("building the panel");
      await viteBuild();
    });
  const agent = () =>
    whenChanged("agent", ["agent", "protocol", "local/build-agent.ts"], [files.agentModule], async () => {
      log("building the agent");
      await bundleAgent(files.agentModule);
    });
  const edge = () =>
    whenChanged(
      "edge",
      ["worker", "durable-objects", "protocol", "drizzle/schema", "local/edge", "local/build-edge.ts"],
      [files.workerModule, files.assetsModule],
      async () => {
        log("building the edge");
        await bundleEdge(files);
      },
    );
  const [hasNewWeb, hasNewAgent, hasNewEdge] = await Promise.all([web(), agent(), edge()]);
  // Both bundles share the bundler's process, so it is ended only when neither needs it any more.
  if (hasNewAgent || hasNewEdge) await (await import("esbuild")).stop();
  // Building the panel empties its folder, and the agent's bundle is served from there.
  if (hasNewWeb || hasNewAgent || !existsSync(join(files.assetsFolder, "agent", "manifest.json"))) {
    publishAgent(files.agentModule, files.assetsFolder);
  }
  return files;
}

/** Runs `make` unless its sources are the same as at the last time and its results are there. */
async function whenChanged(
  part: string,
  sources: string[],
  results: string[],
  make: () => Promise<void>,
): Promise<boolean> {
  const stampPath = join(dist, `.${part}.sha256`);
  const stamp = hashOf([...sources, "package-lock.json", "wrangler.toml"]);
  const isCurrent = results.every(existsSync) && existsSync(stampPath) && readFileSync(stampPath, "utf8") === stamp;
  if (isCurrent) return false;
  await make();
  writeFileSync(stampPath, stamp);
  return true;
}

/** Digest over names and contents of all files below the given paths, tests left out. */
function hashOf(paths: string[]): string {
  const hash = createHash("sha256");
  for (const path of paths) {
    const absolute = join(projectRoot, path);
    for (const file of listFiles(absolute)) hash.update(file).update("\0").update(readFileSync(file)).update("\0");
  }
  return hash.digest("hex");
}

function listFiles(path: string): string[] {
  if (!statSync(path).isDirectory()) return [path];
  const entries = readdirSync(path, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && !/\.test\.tsx?$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

/** In a process of its own, whose memory is given back when it is done. */
async function viteBuild(): Promise<void> {
  const args = ["node_modules/vite/bin/vite.js", "build", "--config", "web/vite.config.ts", "--logLevel", "warn"];
  // It must not go on writing when the next start builds already.
  const command = endWithParent("SIGTERM", process.execPath, args);
  const child = spawn(...command, { cwd: projectRoot, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
  }
  const code = await new Promise((resolve, reject) => child.once("error", reject).once("close", resolve));
  if (code !== 0) throw new Error(`the panel does not build:\n${output.trim()}`);
}
