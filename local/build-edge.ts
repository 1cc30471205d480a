/** Bundles the Worker with its Durable Objects, and the asset service, into one ES module each. */
import { builtinModules } from "node:module";
import { join } from "node:path";
import type { BuildOptions } from "esbuild";
import { projectRoot } from "./project-root.ts";

/** workerd has Node's modules under their `node:` names only. */
const nodeAliases = Object.fromEntries(
  builtinModules.filter((name) => !name.startsWith("_") && !name.includes(":")).map((name) => [name, `node:${name}`]),
);

export async function bundleEdge(files: { workerModule: string; assetsModule: string }): Promise<void> {
  const esbuild = await import("esbuild");
  const shared: BuildOptions = {
    bundle: true,
    format: "esm",
    target: "es2024",
    conditions: ["workerd", "worker", "browser"],
    mainFields: ["browser", "module", "main"],
    external: ["cloudflare:*", "node:*"],
    alias: nodeAliases,
    define: { "process.env.NODE_ENV": '"production"' },
    sourcemap: "inline",
    logLevel: "error",
  };
  await Promise.all([
    esbuild.build({
      ...shared,
      entryPoints: [join(projectRoot, "local/edge/worker-entry.ts")],
      outfile: files.workerModule,
    }),
    esbuild.build({ ...shared, entryPoints: [join(projectRoot, "local/edge/assets.ts")], outfile: files.assetsModule }),
  ]);
}
