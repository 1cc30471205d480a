/** Options of `npm start`: each is a flag and an environment variable; the flag wins. */
import { availableParallelism } from "node:os";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { emailSchema, passwordSchema } from "../protocol/api/auth.ts";

export interface StartOptions {
  host: string;
  /** 0 lets the system choose. */
  port: number;
  /** Absolute. */
  dataDir: string;
  runtime: "auto" | "process" | "nerdctl";
  adminEmail: string;
  /** Null: generated at the first start, left alone later. */
  adminPassword: string | null;
  registration: "open" | "invite" | "closed";
  nodeCount: number;
  stopServers: boolean;
  json: boolean;
  /** Header by which a reverse proxy in front names the client; empty when nothing is in front. */
  clientIpHeader: string;
  /** The panel's address for browsers and agents elsewhere, when it is not the one listened on. */
  publicUrl: string | null;
}

/** A mistake in the options; the message is one sentence for the user. */
export class OptionError extends Error {
  override name = "OptionError";
}

/** What is read from flags and environment before it is checked. */
type RawOptions = Partial<Record<(typeof VALUE_NAMES)[number], string>> &
  Record<(typeof SWITCH_NAMES)[number], boolean>;

const VALUE_NAMES = [
  "host",
  "port",
  "data",
  "runtime",
  "admin-email",
  "admin-password",
  "registration",
  "nodes",
  "client-ip-header",
  "public-url",
] as const;
const SWITCH_NAMES = ["stop-servers", "json"] as const;

export const HELP = `Catalyst on one machine: panel, database and an agent, with no account and no Docker.

  npm start -- [options]

  --port N                 where the panel listens (3000; 0 takes a free one)
  --host ADDRESS           address it listens on (127.0.0.1; 0.0.0.0 for every network)
  --data FOLDER            everything that lasts (.catalyst)
  --runtime KIND           process, nerdctl or auto (auto: nerdctl where it works)
  --admin-email ADDRESS    the first administrator (admin@catalyst.local)
  --admin-password TEXT    their password; later it sets a new one (generated at the first start)
  --registration POLICY    who may register: open, invite or closed (closed)
  --nodes N                agents to start (1)
  --stop-servers           stop game servers too when Catalyst stops
  --public-url URL         the panel's address for others, such as behind a reverse proxy
  --client-ip-header NAME  header in which that proxy names the client
  --json                   print one line of JSON when ready; logs go to the error stream
  --help                   this text

Each option is also an environment variable: --admin-email is CATALYST_ADMIN_EMAIL.
`;

/** A reasonable ceiling: each agent is a process of some 70 MB. */
const NODES_MAX = Math.max(8, availableParallelism() * 8);

/**
 * Reads flags and environment.
 *
 * @returns null when help was asked for.
 * @throws OptionError naming the first option that is wrong.
 */
export function readOptions(args: string[], environment: NodeJS.ProcessEnv): StartOptions | null {
  const flags = parseFlags(args);
  if (flags.help) return null;
  const raw = { ...fromEnvironment(environment), ...flags } as RawOptions;
  return {
    host: readHost(raw.host ?? "127.0.0.1"),
    port: readInteger("port", raw.port ?? "3000", 0, 65_535),
    dataDir: resolve(raw.data ?? ".catalyst"),
    runtime: readChoice("runtime", raw.runtime ?? "auto", ["auto", "process", "nerdctl"]),
    adminEmail: readEmail(raw["admin-email"] ?? "admin@catalyst.local"),
    adminPassword: readPassword(raw["admin-password"]),
    registration: readChoice("registration", raw.registration ?? "closed", ["open", "invite", "closed"]),
    nodeCount: readInteger("nodes", raw.nodes ?? "1", 0, NODES_MAX),
    stopServers: raw["stop-servers"] ?? false,
    json: raw.json ?? false,
    clientIpHeader: readHeaderName(raw["client-ip-header"] ?? ""),
    publicUrl: raw["public-url"] === undefined ? null : readOrigin(raw["public-url"]),
  };
}

function parseFlags(args: string[]): Record<string, string | boolean | undefined> {
  const options: Record<string, { type: "string" | "boolean" }> = { help: { type: "boolean" } };
  for (const name of VALUE_NAMES) options[name] = { type: "string" };
  for (const name of SWITCH_NAMES) options[name] = { type: "boolean" };
  try {
    return parseArgs({ args, options, strict: true }).values as Record<string, string | boolean | undefined>;
  } catch (error) {
    const [sentence] = (error as Error).message.split(/\.\s/);
    throw new OptionError(`${sentence}. See --help.`);
  }
}

function fromEnvironment(environment: NodeJS.ProcessEnv): Record<string, string | boolean> {
  const found: Record<string, string | boolean> = {};
  const variable = (name: string) => environment[`CATALYST_${name.toUpperCase().replaceAll("-", "_")}`];
  for (const name of VALUE_NAMES) {
    const value = variable(name);
    if (value !== undefined && value !== "") found[name] = value;
  }
  for (const name of SWITCH_NAMES) {
    const value = variable(name);
    if (value !== undefined && value !== "") found[name] = readSwitch(name, value);
  }
  return found;
}

function readInteger(name: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (!/^\d{1,9}$/.test(text) || value < min || value > max) {
    throw new OptionError(`--${name} must be a whole number from ${min} to ${max}, not "${text}".`);
  }
  return value;
}

function readChoice<T extends string>(name: string, text: string, choices: readonly T[]): T {
  const found = choices.find((choice) => choice === text);
  if (found === undefined) throw new OptionError(`--${name} must be one of ${choices.join(", ")}, not "${text}".`);
  return found;
}

function readSwitch(name: string, text: string): boolean {
  return ["1", "true"].includes(readChoice(name, text, ["1", "true", "0", "false"]));
}

function readHost(text: string): string {
  if (!/^[A-Za-z0-9.:_-]{1,253}$/.test(text)) throw new OptionError(`--host must be an address, not "${text}".`);
  return text;
}

function readEmail(text: string): string {
  const parsed = emailSchema.safeParse(text);
  if (!parsed.success) throw new OptionError(`--admin-email must be an e-mail address, not "${text}".`);
  return parsed.data;
}

function readPassword(text: string | undefined): string | null {
  if (text === undefined) return null;
  const parsed = passwordSchema.safeParse(text);
  if (!parsed.success) throw new OptionError(`--admin-password: ${parsed.error.issues[0]?.message}.`);
  return parsed.data;
}

function readHeaderName(text: string): string {
  if (text !== "" && !/^[A-Za-z0-9-]{1,64}$/.test(text)) {
    throw new OptionError(`--client-ip-header must be the name of a header, not "${text}".`);
  }
  return text.toLowerCase();
}

function readOrigin(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (!url || !["http:", "https:"].includes(url.protocol) || url.pathname !== "/") {
    throw new OptionError(`--public-url must be like https://panel.example.com, not "${text}".`);
  }
  return url.origin;
}
