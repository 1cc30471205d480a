/** From a launch to the arguments of `nerdctl run`. Pure. */
import { join } from "node:path";
import type { ServerSpec } from "../../../protocol/spec.ts";
import type { FileOwner } from "../../console/server-paths.ts";
import type { JoinedNetwork } from "../../network/networks.ts";
import type { ServerPaths } from "../container-runtime.ts";
import { limitArguments, type NodeLimits } from "./limits.ts";
import { containerName, LABEL } from "./options.ts";

const STDIN_IN_CONTAINER = "/run/catalyst/stdin";
/** `/tmp` is in memory and counts against the server's limit. */
const TMP_SHARE = 4;
const TMP_MIN_MB = 16;
const TMP_MAX_MB = 512;

/** What every container of a node is made with. */
export interface ContainerSetting {
  nodeId: string;
  panel: string;
  gameOwner: FileOwner;
  initBinary: string;
  /** Absolute path of the console logger. */
  logger: string;
  /** Where environment files are, each only while its container is being made. */
  environmentFolder: string;
  /** Open files that the machine grants a process. */
  openFilesMax: number;
  limits: NodeLimits;
}

export interface RunArguments {
  arguments: string[];
  /** The file given as `--env-file`, to be there while nerdctl runs: values stay out of the process list. */
  environmentFile: { path: string; content: string };
}

/** Variables that a line of an environment file cannot carry unchanged. */
const NEEDS_ARGUMENT = /^\s|\s$|[\r\n]/;
const ENVIRONMENT_LINE_MAX_CHARS = 32_000;

function splitEnvironment(environment: Record<string, string>): { inArguments: string[]; content: string } {
  const inArguments: string[] = [];
  const lines: string[] = [];
  for (const [name, value] of Object.entries(environment)) {
    if (name === "" || name.startsWith("#") || /[\s=]/.test(name)) continue;
    const line = `${name}=${value}`;
    if (NEEDS_ARGUMENT.test(line) || line.length > ENVIRONMENT_LINE_MAX_CHARS) inArguments.push("-e", line);
    else lines.push(line);
  }
  return { inArguments, content: lines.map((line) => `${line}\n`).join("") };
}

/** What a container may be and write; limits, ulimits and init are the same for every kind. */
export interface Confinement {
  /** `uid:gid` of all that runs in it. */
  user: string;
  /** Kept of root's; none for a game. */
  capabilities: readonly string[];
  /** Arguments that say where it can write besides its mounts. */
  fileSystem: readonly string[];
}

function confinementArguments(
  spec: ServerSpec,
  { user, capabilities, fileSystem }: Confinement,
  { initBinary, openFilesMax, limits }: ContainerSetting,
): string[] {
  // A container cannot raise the limit it is started under.
  const openFiles = Math.min(spec.openFilesLimit, openFilesMax);
  return [
    "--user",
    user,
    "--cap-drop",
    "ALL",
    ...capabilities.flatMap((capability) => ["--cap-add", capability]),
    "--security-opt",
    "no-new-privileges",
    ...fileSystem,
    "--ulimit",
    `nofile=${openFiles}:${openFiles}`,
    "--ulimit",
    "core=0:0",
    "--init",
    "--init-binary",
    initBinary,
    ...limitArguments(spec, limits),
  ];
}

/** The game's own user, no capability, and nothing to write but its data folder and `/tmp`. */
function gameConfinement({ memoryMb }: ServerSpec, { gameOwner }: ContainerSetting): Confinement {
  const tmpMb = Math.min(TMP_MAX_MB, Math.max(TMP_MIN_MB, Math.floor(memoryMb / TMP_SHARE)));
  return {
    user: `${gameOwner.uid}:${gameOwner.gid}`,
    capabilities: [],
    // Java and native modules are unpacked and run in `/tmp`.
    fileSystem: ["--read-only", "--tmpfs", `/tmp:size=${tmpMb}m,exec,nosuid,nodev,mode=1777`],
  };
}

/** Words after which a shell expects something else than a program. */
const SHELL_WORD =
  /^(\.|:|!|\[|\{|alias|break|case|cd|command|continue|do|done|elif|else|esac|eval|exec|exit|export|fi|for|function|if|in|local|read|readonly|return|select|set|shift|source|then|time|times|trap|ulimit|umask|unset|until|wait|while)$/;
const SHELL_SYNTAX = /[;&|<>()`\n#]|\$\(/;

/**
 * The shell text that runs a startup command so that signals reach the game: a single program replaces the shell; for
 * anything longer the shell waits for what it runs, which gets the signal too.
 */
export function startupScript(command: string): string {
  const firstWord = command.trim().split(/\s+/, 1)[0] ?? "";
  const isProgram = !SHELL_SYNTAX.test(command) && !SHELL_WORD.test(firstWord) && !/^["']?\w+=/.test(firstWord);
  if (isProgram && firstWord !== "") return `exec ${command.trim()}`;
  return `trap 'exit 143' TERM; trap 'exit 130' INT; trap 'exit 131' QUIT; trap 'exit 129' HUP\n${command}`;
}

function loggerUri(logger: string, folder: string): string {
  return `binary://${logger}?dir=${encodeURIComponent(folder)}`;
}

export function labels(
  { panel, nodeId }: Pick<ContainerSetting, "panel" | "nodeId">,
  server: string,
  run: string,
  kind: "game" | "install",
): string[] {
  const pairs = { panel, node: nodeId, server, run, kind };
  return Object.entries(pairs).flatMap(([key, value]) => ["--label", `${LABEL[key as keyof typeof LABEL]}=${value}`]);
}

/** `type=bind` mounts: unlike `-v` they take any character but a comma in a path. */
export function bind(source: string, target: string, isReadOnly = false): string[] {
  return ["--mount", `type=bind,source=${source},target=${target}${isReadOnly ? ",readonly" : ""}`];
}

export function runArguments(
  { spec, paths, environment, runId }: Launch,
  setting: ContainerSetting,
  own: string[],
  shell: string[],
  confinement = gameConfinement(spec, setting),
): RunArguments {
  // tini passes signals to the game's whole group, so that they reach a program the startup's shell waits for.
  const { inArguments, content } = splitEnvironment({ ...environment, TINI_KILL_PROCESS_GROUP: "1" });
  const path = join(setting.environmentFolder, runId);
  return {
    arguments: [
      "run",
      "-d",
      "--pull",
      "never",
      ...own,
      ...confinementArguments(spec, confinement, setting),
      "--log-driver",
      loggerUri(setting.logger, paths.console),
      ...bind(paths.data, "/data"),
      "-w",
      "/data",
      "--env-file",
      path,
      ...inArguments,
      "--entrypoint",
      "/bin/sh",
      "--",
      ...shell,
    ],
    environmentFile: { path, content },
  };
}

export interface Launch {
  spec: ServerSpec;
  paths: ServerPaths;
  environment: Record<string, string>;
  runId: string;
  network: JoinedNetwork;
}

/**
 * A game: the console FIFO is its standard input, opened for reading and writing so that it never ends; standard
 * output and error are one stream, so that their order is kept.
 */
export function gameArguments(launch: Launch, command: string, setting: ContainerSetting): RunArguments {
  const { spec, paths, runId } = launch;
  const own = [
    "--name",
    containerName(spec.id),
    ...labels(setting, spec.id, runId, "game"),
    ...launch.network.arguments,
    ...bind(paths.stdin, STDIN_IN_CONTAINER),
  ];
  const script = `exec /bin/sh -c "$1" <>${STDIN_IN_CONTAINER} 2>&1`;
  return runArguments(launch, setting, own, [spec.image, "-c", script, "sh", startupScript(command)]);
}
