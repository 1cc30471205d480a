/** Bundles the agent into the one file that nodes download, and says in a manifest what it is. */
import { createHash } from "node:crypto";
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { builtinModules } from "node:module";
import { join } from "node:path";
import { projectRoot } from "./project-root.ts";

const BUNDLE_NAME = "catalyst-agent.mjs";

/** Dependencies in the older module format ask for Node's own modules by `require`, which an ES module lacks. */
const REQUIRE_BANNER =
  'import { createRequire as catalystCreateRequire } from "node:module"; const require = catalystCreateRequire(import.meta.url);';

export async function bundleAgent(outfile: string): Promise<void> {
  const esbuild = await import("esbuild");
  await esbuild.build({
    entryPoints: [join(projectRoot, "agent/main.ts")],
    outfile,
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node22",
    external: [...builtinModules],
    banner: { js: `#!/usr/bin/env node\n${REQUIRE_BANNER}` },
    define: { "process.env.CATALYST_AGENT_VERSION": JSON.stringify(version()) },
    logLevel: "error",
  });
}

/** Puts the bundle and its manifest where the panel serves them: `/agent/…`. */
export function publishAgent(bundle: string, assetsFolder: string): void {
  const folder = join(assetsFolder, "agent");
  mkdirSync(folder, { recursive: true });
  copyFileSync(bundle, join(folder, BUNDLE_NAME));
  const sha256 = createHash("sha256").update(readFileSync(bundle)).digest("hex");
  writeFileSync(
    join(folder, "manifest.json"),
    `${JSON.stringify({ version: version(), sha256, file: BUNDLE_NAME })}\n`,
  );
}

function version(): string {
  const { version } = JSON.parse(readFileSync(join(projectRoot, "package.json"), "utf8")) as { version: string };
  return version;
}

if (import.meta.main) {
  const bundle = join(projectRoot, "dist", "agent", BUNDLE_NAME);
  await bundleAgent(bundle);
  await (await import("esbuild")).stop();
  publishAgent(bundle, join(projectRoot, "dist", "web"));
}
