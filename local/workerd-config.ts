/**
 * Makes the configuration of stock workerd out of `wrangler.toml`, so that both describe one thing.
 *
 * What one machine needs and a cloud does not is added here: where the hubs' storage and the assets lie on disk, and a
 * network that may reach the database's proxy on loopback.
 */
import { parse } from "smol-toml";
import { z } from "zod";

/** The part of `wrangler.toml` that is understood here. Anything else is refused, not silently left out. */
const wranglerSchema = z.strictObject({
  name: z.string(),
  main: z.string(),
  compatibility_date: z.string(),
  compatibility_flags: z.array(z.string()).default([]),
  vars: z.record(z.string(), z.string()).default({}),
  assets: z.strictObject({
    directory: z.string(),
    binding: z.string(),
    not_found_handling: z.enum(["single-page-application", "none"]).default("none"),
    run_worker_first: z.array(z.string()).default([]),
  }),
  durable_objects: z.strictObject({
    bindings: z.array(z.strictObject({ name: z.string(), class_name: z.string() })),
  }),
  migrations: z.array(z.strictObject({ tag: z.string(), new_sqlite_classes: z.array(z.string()) })),
  /** The process that starts the edge gives it the daily call itself (daily.ts). */
  triggers: z.strictObject({ crons: z.array(z.string()) }).optional(),
  /** How the cloud is watched and limited; one machine has neither. */
  observability: z.unknown().optional(),
  limits: z.unknown().optional(),
});
export type Wrangler = z.infer<typeof wranglerSchema>;

export interface EdgeFiles {
  /** Bundled modules, as paths relative to the configuration file. */
  workerModule: string;
  assetsModule: string;
  /** Folder of the assets, absolute. */
  assetsFolder: string;
  /** Folder of the Durable Objects' storage, absolute. */
  storageFolder: string;
}

export interface EdgeConfigOptions {
  wrangler: Wrangler;
  files: EdgeFiles;
  /** Variables that override those of `wrangler.toml`. */
  vars: Record<string, string>;
  /** Variables that are read from workerd's own environment, so that no file holds them. */
  fromEnvironment: string[];
  /** A reverse proxy in front is believed when it says that its client used https. */
  isBehindProxy: boolean;
  /** Response headers for assets, as the cloud reads them from `_headers`. */
  assetHeaders: AssetHeaderRule[];
}

/** Headers for every asset whose path matches. */
export interface AssetHeaderRule {
  /** A path, in which one `*` stands for anything. */
  pattern: string;
  set: Record<string, string>;
}

/** @throws when the file has something that has no counterpart on one machine. */
export function parseWrangler(toml: string): Wrangler {
  const parsed = wranglerSchema.safeParse(parse(toml));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new Error(`wrangler.toml: ${issue?.path.join(".") || "top level"}: ${issue?.message}`);
}

/** Reads the `_headers` format: a path on its own line, its headers indented below. */
export function parseAssetHeaders(text: string): AssetHeaderRule[] {
  const rules: AssetHeaderRule[] = [];
  for (const line of text.split("\n")) {
    if (line.trim() === "" || line.trimStart().startsWith("#")) continue;
    const header = /^\s+([A-Za-z0-9-]+):\s*(.*?)\s*$/.exec(line);
    if (header) {
      const rule = rules.at(-1);
      if (!rule) throw new Error(`_headers: a header before the first path: ${line.trim()}`);
      rule.set[header[1]!.toLowerCase()] = header[2]!;
    } else if (/^\/\S*$/.test(line.trim())) rules.push({ pattern: line.trim(), set: {} });
    else throw new Error(`_headers: not a path and not a header: ${line.trim()}`);
  }
  return rules;
}

/** The configuration as Cap'n Proto text. Its one socket, `http`, gets its address on workerd's command line. */
export function edgeConfig(options: EdgeConfigOptions): string {
  const { wrangler, files } = options;
  const hubs = wrangler.durable_objects.bindings;
  const withSql = new Set(wrangler.migrations.flatMap((migration) => migration.new_sqlite_classes));
  const vars = Object.entries({ ...wrangler.vars, ...options.vars });
  const bindings = [
    ...hubs.map((hub) => `(name = ${quote(hub.name)}, durableObjectNamespace = ${quote(hub.class_name)})`),
    `(name = ${quote(wrangler.assets.binding)}, service = "assets")`,
    `(name = "LOCAL_WORKER_FIRST", json = ${quote(JSON.stringify(wrangler.assets.run_worker_first))})`,
    ...vars.map(([name, value]) => `(name = ${quote(name)}, text = ${quote(value)})`),
    ...options.fromEnvironment.map((name) => `(name = ${quote(name)}, fromEnvironment = ${quote(name)})`),
  ];
  const namespaces = hubs.map((hub) => {
    if (!withSql.has(hub.class_name)) throw new Error(`wrangler.toml: no migration makes the class ${hub.class_name}`);
    // The key names the objects' files: another one would lose them all.
    const key = `${wrangler.name}-${hub.class_name}`;
    return `(className = ${quote(hub.class_name)}, uniqueKey = ${quote(key)}, enableSql = true)`;
  });
  const compatibility = [
    `compatibilityDate = ${quote(wrangler.compatibility_date)}`,
    `compatibilityFlags = [${neededFlags(wrangler).map(quote).join(", ")}]`,
  ].join(", ");
  const assetBindings = [
    `(name = "FILES", service = "asset-files")`,
    `(name = "NOT_FOUND_HANDLING", text = ${quote(wrangler.assets.not_found_handling)})`,
    `(name = "HEADER_RULES", json = ${quote(JSON.stringify(options.assetHeaders))})`,
  ];
  return `# Made by npm start from wrangler.toml; changes here are lost.
using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  sockets = [(name = "http", http = (${options.isBehindProxy ? 'forwardedProtoHeader = "X-Forwarded-Proto"' : ""}), service = "worker")],
  services = [
    (name = "worker", worker = (
      modules = [(name = "worker.mjs", esModule = embed ${quote(files.workerModule)})],
      ${compatibility},
      bindings = [
        ${bindings.join(",\n        ")}
      ],
      durableObjectNamespaces = [${namespaces.join(", ")}],
      durableObjectStorage = (localDisk = "hub-storage")
    )),
    (name = "assets", worker = (
      modules = [(name = "assets.mjs", esModule = embed ${quote(files.assetsModule)})],
      ${compatibility},
      bindings = [${assetBindings.join(", ")}]
    )),
    (name = "asset-files", disk = (path = ${quote(files.assetsFolder)})),
    (name = "hub-storage", disk = (path = ${quote(files.storageFolder)}, writable = true)),
    (name = "internet", network = (allow = ["public", "private", "local"], tlsOptions = (trustBrowserCas = true)))
  ]
);
`;
}

/** workerd warns at every start about a flag that has become the default by the given date. */
function neededFlags(wrangler: Wrangler): string[] {
  const isDefault = (flag: string) => flag === "nodejs_compat" && wrangler.compatibility_date >= "2026-08-04";
  return wrangler.compatibility_flags.filter((flag) => !isDefault(flag));
}

/** A Cap'n Proto text literal. */
export function quote(text: string): string {
  const escaped = text.replace(/[\\"\u0000-\u001f\u007f]/g, (character) => {
    if (character === "\\" || character === '"') return `\\${character}`;
    return `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`;
  });
  return `"${escaped}"`;
}
