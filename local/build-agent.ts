/** Bundles the agent into the one file that nodes download, and says in a manifest what it is. */
import { createHash } from "node:crypto";
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { builtinModules } from "node:module";
import { join } from "node:path";
import type { Plugin } from "esbuild";
import { projectRoot } from "./project-root.ts";

const BUNDLE_NAME = "catalyst-agent.mjs";
const LAUNCHER_NAME = "catalyst-agent.sh";
/** What starts the agent on a node. */
export const launcherSource = join(projectRoot, "agent", "launcher", LAUNCHER_NAME);

/** Dependencies in the older module format ask for Node's own modules by `require`, which an ES module lacks. */
const REQUIRE_BANNER =
  'import { createRequire as catalystCreateRequire } from "node:module"; const require = catalystCreateRequire(import.meta.url);';

/** The agent speaks English; the validator's other languages are a third of the bundle, and in memory all its life. */
const englishOnly: Plugin = {
  name: "english-only",
  setup({ onLoad }) {
    onLoad({ filter: /\/zod\/v4\/locales\/index\.js$/ }, () => ({
      contents: 'export { default as en } from "./en.js";',
    }));
  },
};

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
    plugins: [englishOnly],
    // The text of a program stays in memory with it. Names stay, and lines short enough, for the traces in logs.
    minifyWhitespace: true,
    minifySyntax: true,
    lineLimit: 160,
    logLevel: "error",
  });
}

/** Puts the bundle and its manifest where the panel serves them: `/agent/…`. */
export function publishAgent(bundle: string, assetsFolder: string): void {
  const folder = join(assetsFolder, "agent");
  mkdirSync(folder, { recursive: true });
  copyFileSync(bundle, join(folder, BUNDLE_NAME));
  copyFileSync(launcherSource, join(folder, LAUNCHER_NAME));
  const launcher = { file: LAUNCHER_NAME, sha256: sha256Of(launcherSource) };
  const manifest = { version: version(), sha256: sha256Of(bundle), file: BUNDLE_NAME, launcher };
  writeFileSync(join(folder, "manifest.json"), `${JSON.stringify(manifest)}\n`);
}

const sha256Of = (file: string) => createHash("sha256").update(readFileSync(file)).digest("hex");

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
