/** The agent's command line. */
import "./footprint.ts";
import { mkdir } from "node:fs/promises";
import { parseArgs } from "node:util";
import { isMainThread } from "node:worker_threads";
import type { Finding } from "../protocol/findings.ts";
// Threads of the agent load this file too, and find their work in here.
import "./config-files/edit-worker.ts";
import { Agent } from "./agent.ts";
import { bootIdentity } from "./boot-identity.ts";
import {
  type AgentConfig,
  ConfigError,
  configSchema,
  DEFAULT_CONFIG_FILE,
  readConfig,
  readIdentity,
} from "./config.ts";
import { enroll } from "./enroll.ts";
import { lockDataFolder } from "./instance-lock.ts";
import { createLog, type Log } from "./log.ts";
import { preflight } from "./preflight/preflight.ts";
import { registryCommand } from "./registry-command.ts";
import { chooseRuntime, rememberRuntime } from "./runtime/choose-runtime.ts";
import { UpdateHome } from "./update/update-home.ts";
import { AGENT_VERSION } from "./version.ts";

const USAGE = `Usage: catalyst-agent [command] [options]

Commands:
  run         Run the agent (default).
  enroll      Make this machine a node: --url <panel> --token <deployment token>
  preflight   Check what game servers need of this machine.
  registry    Logins at image registries, which stay on this machine:
                registry login <host> --username <name> [--insecure]   (password on standard input)
                registry logout <host>
                registry list
  version     Print the version.

Options:
  --config <file>   Configuration (default ${DEFAULT_CONFIG_FILE}).
`;

const SHUTDOWN_DEADLINE_MS = 10_000;

interface Arguments {
  config: string;
  url: string | undefined;
  token: string | undefined;
  username: string | undefined;
  insecure: boolean;
  /** After the command. */
  words: string[];
}

async function openRuntime(config: AgentConfig, nodeId: string, log: Log) {
  return chooseRuntime({ config, nodeId, bootIdentity: bootIdentity(), log });
}

async function run({ config: file }: Arguments): Promise<void> {
  const config = await readConfig(file);
  const identity = await readIdentity(file, config);
  const log = createLog(config.agent.log_level, config.agent.log_file);
  const unlock = await lockDataFolder(config.agent.data_dir);
  process.on("unhandledRejection", (error) => log.error({ err: error }, "unhandled rejection"));
  const runtime = await openRuntime(config, identity.nodeId, log);
  await rememberRuntime(config.agent.data_dir, runtime);
  log.info(
    { version: AGENT_VERSION, nodeId: identity.nodeId, runtime: runtime.name, pid: process.pid },
    "agent starts",
  );
  let isStopping = false;
  const stop = (why: string) => {
    if (isStopping) return;
    isStopping = true;
    log.info({ why }, "agent stops; game servers go on");
    setTimeout(() => process.exit(1), SHUTDOWN_DEADLINE_MS).unref();
    agent.stop().finally(() => {
      unlock();
      process.exit(0);
    });
  };
  const agent = await Agent.open({
    config,
    identity,
    runtime,
    bootIdentity: bootIdentity(),
    updates: {
      home: UpdateHome.of(process.env),
      isSupervised: Boolean(process.env.CATALYST_AGENT_SUPERVISOR),
      onStaged: () => stop("an update"),
    },
    log,
  });
  process.once("SIGTERM", () => stop("SIGTERM"));
  process.once("SIGINT", () => stop("SIGINT"));
  await agent.start();
}

/** Enrolment works before there is any configuration. */
async function readConfigOr(file: string, url: string): Promise<AgentConfig> {
  try {
    return await readConfig(file);
  } catch (error) {
    if (error instanceof ConfigError && error.message.startsWith("There is no file")) {
      return configSchema.parse({ panel: { url } });
    }
    throw error;
  }
}

async function enrollCommand({ config: file, url, token }: Arguments): Promise<void> {
  if (!url || !token) throw new ConfigError("enroll needs --url <panel> and --token <deployment token>.");
  const config = await readConfigOr(file, url);
  const runtime = await openRuntime(config, "unknown", createLog("silent"));
  const identity = await enroll({ url, token, configFile: file, runtime: runtime.name });
  process.stdout.write(`This machine is now the node ${identity.nodeId}. Its configuration is in ${file}.\n`);
}

function printFinding({ level, subject, message, remedy }: Finding): void {
  process.stdout.write(`${level.padEnd(8)}${subject}: ${message}${remedy ? ` ${remedy}` : ""}\n`);
}

async function preflightCommand({ config: file }: Arguments): Promise<void> {
  const config = await readConfigOr(file, "http://localhost");
  const log = createLog("silent");
  const runtime = await openRuntime(config, "unknown", log);
  const { data_dir: dataDir } = config.agent;
  await mkdir(dataDir, { recursive: true, mode: 0o711 });
  const { findings } = await preflight({ runtime, dataDir, clockSkewMs: null, log });
  process.stdout.write(`runtime ${runtime.name}\n`);
  findings.forEach(printFinding);
  if (findings.some((finding) => finding.level === "error")) process.exitCode = 1;
}

async function registry({ config: file, words, username, insecure }: Arguments): Promise<void> {
  const { data_dir: dataDir } = (await readConfig(file)).agent;
  process.stdout.write(await registryCommand({ dataDir, words, username, insecure }, process.stdin));
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      config: { type: "string", default: DEFAULT_CONFIG_FILE },
      url: { type: "string" },
      token: { type: "string" },
      username: { type: "string" },
      insecure: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  const [command = "run", ...words] = positionals;
  if (values.help) return void process.stdout.write(USAGE);
  const { config, url, token, username, insecure } = values;
  const args: Arguments = { config, url, token, username, insecure, words };
  const commands: Record<string, (args: Arguments) => Promise<void>> = {
    run,
    enroll: enrollCommand,
    preflight: preflightCommand,
    registry,
  };
  if (command === "version") return void process.stdout.write(`${AGENT_VERSION}\n`);
  const perform = words.length === 0 || command === "registry" ? commands[command] : undefined;
  if (!perform) throw new ConfigError(`There is no command ${positionals.join(" ")}. See catalyst-agent --help.`);
  await perform(args);
}

if (isMainThread) main().catch(fail);

function fail(error: Error & { code?: string }): never {
  const isForOperator = error instanceof ConfigError || error.code?.startsWith("ERR_PARSE_ARGS");
  process.stderr.write(`catalyst-agent: ${isForOperator ? error.message : (error.stack ?? error)}\n`);
  process.exit(1);
}
