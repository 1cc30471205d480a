/** The agent's `config.toml`. */
import { readFile, stat } from "node:fs/promises";
import { isAbsolute, resolve } from "node:path";
import { parse, stringify, type TomlTable } from "smol-toml";
import { z } from "zod";
import { idSchema } from "../protocol/ids.ts";
import { LOG_LEVELS } from "./log.ts";
import { PRIVATE_RANGE_DEFAULT } from "./network/free-subnet.ts";
import { writeFileAtomic } from "./records/atomic-file.ts";

export const DEFAULT_CONFIG_FILE = "/opt/catalyst-agent/config.toml";
const DEFAULT_DATA_DIR = "/var/lib/catalyst";
const DEFAULT_STATS_PORT = 8080;

/** A sentence for the operator; shown without a stack. */
export class ConfigError extends Error {
  override name = "ConfigError";
}

const absolute = z.string().refine(isAbsolute, "must be an absolute path");

const panelSchema = z.strictObject({
  url: z.url({ protocol: /^https?$/, error: "must be an http or https address" }),
  node_id: idSchema.optional(),
  secret: z.string().min(1).optional(),
  /** A file that holds nothing but the secret, instead of `secret`. */
  secret_file: absolute.optional(),
});

const agentSchema = z.strictObject({
  data_dir: absolute.default(DEFAULT_DATA_DIR),
  runtime: z.enum(["auto", "nerdctl", "process"]).default("auto"),
  /** Of the local figures on 127.0.0.1; 0 takes any free one. The port in use is in `<data_dir>/stats-port`. */
  stats_port: z.number().int().min(0).max(65535).default(DEFAULT_STATS_PORT),
  log_level: z.enum(LOG_LEVELS).default("info"),
  /** Standard output when not given. */
  log_file: absolute.optional(),
  /** The process runtime isolates nothing: in production it needs this. */
  allow_process_runtime: z.boolean().default(false),
  /** `auto`: hard disk limits where the node can set them. `soft`: new servers get plain folders, which are only measured. */
  disk_limit: z.enum(["auto", "soft"]).default("auto"),
  /** Whether a server's disk takes its whole size on the node at once, instead of as it fills. */
  disk_reserve: z.boolean().default(false),
  /** `TZ` of servers whose owner set none. */
  time_zone: z.string().default("UTC"),
});

const nerdctlSchema = z.strictObject({
  binary: z.string().optional(),
  /** containerd's socket. */
  address: z.string().optional(),
  namespace: z.string().optional(),
  data_root: absolute.optional(),
  cni_path: absolute.optional(),
  cni_netconfpath: absolute.optional(),
});

const networkSchema = z.strictObject({
  /** Private networks of servers are made within it. */
  private_range: z.cidrv4().default(PRIVATE_RANGE_DEFAULT),
  /** Ports of this machine that servers may reach at its own address, such as a database's; what servers publish is reachable anyway. */
  host_ports: z.array(z.number().int().min(1).max(65535)).max(100).default([]),
});

export const configSchema = z.strictObject({
  panel: panelSchema,
  agent: agentSchema.prefault({}),
  nerdctl: nerdctlSchema.prefault({}),
  network: networkSchema.prefault({}),
});
export type AgentConfig = z.infer<typeof configSchema>;

/** What an enrolled agent has. */
export interface NodeIdentity {
  panelUrl: URL;
  nodeId: string;
  secret: string;
}

async function readPrivate(file: string): Promise<string> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") throw new ConfigError(`There is no file ${file}.`);
    throw new ConfigError(`${file} cannot be read (${code}).`);
  }
  return text;
}

async function refuseOpenMode(file: string): Promise<void> {
  const { mode } = await stat(file);
  if ((mode & 0o077) === 0) return;
  throw new ConfigError(`${file} holds this node's secret and others can read it. Run: chmod 600 ${file}`);
}

function parseToml(file: string, text: string): TomlTable {
  try {
    return parse(text);
  } catch (error) {
    const [firstLine] = (error as Error).message.split("\n");
    throw new ConfigError(`${file} is not TOML: ${firstLine}`);
  }
}

/** @throws ConfigError naming the first field that is wrong. */
export async function readConfig(file: string): Promise<AgentConfig> {
  const parsed = configSchema.safeParse(parseToml(file, await readPrivate(file)));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const path = issue!.path.join(".");
  throw new ConfigError(`${file}: ${path ? `${path}: ` : ""}${issue!.message}`);
}

/** @throws ConfigError when this machine is not enrolled, or its secret lies open. */
export async function readIdentity(file: string, config: AgentConfig): Promise<NodeIdentity> {
  const { url, node_id: nodeId, secret, secret_file: secretFile } = config.panel;
  if (!nodeId || !(secret || secretFile)) {
    throw new ConfigError("This machine is not enrolled. Run: catalyst-agent enroll --url <panel> --token <token>");
  }
  if (secret) await refuseOpenMode(file);
  if (secretFile) await refuseOpenMode(secretFile);
  return { panelUrl: new URL(url), nodeId, secret: secret ?? (await readPrivate(secretFile!)).trim() };
}

/** Puts the node's identity into the file and leaves everything else in it as it is (comments are lost). */
export async function writeIdentity(file: string, identity: NodeIdentity): Promise<void> {
  const present = (await stat(file).catch(() => null)) ? parseToml(file, await readPrivate(file)) : {};
  const panel = { url: identity.panelUrl.href, node_id: identity.nodeId, secret: identity.secret };
  await writeFileAtomic(resolve(file), stringify({ ...present, panel }), 0o600);
}
