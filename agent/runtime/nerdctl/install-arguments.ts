/** From an install to the arguments of `nerdctl run`. Pure. */
import {
  bind,
  type Confinement,
  type ContainerSetting,
  type Launch,
  labels,
  type RunArguments,
  runArguments,
} from "./arguments.ts";
import { installContainerName } from "./options.ts";

const SCRIPT_IN_CONTAINER = "/run/catalyst/install.sh";
/** Where scripts written for other panels look for the server's files. */
const DATA_OF_OTHER_PANELS = "/mnt/server";

/**
 * What package managers need of root within the container: to own and open any file of its image and to become the
 * users that they run downloads and scripts as. No device nodes, no raw sockets, no mounts, nothing of the node.
 */
const ROOT_CAPABILITIES = [
  "CHOWN",
  "DAC_OVERRIDE",
  "FOWNER",
  "FSETID",
  "KILL",
  "SETFCAP",
  "SETGID",
  "SETUID",
  "SYS_CHROOT",
];

/** Root, on a root file system that is gone with the container. `/tmp` is part of it and not memory, because installers unpack there. */
const ROOT: Confinement = { user: "0:0", capabilities: ROOT_CAPABILITIES, fileSystem: [] };

const SHEBANG = /^#!\s*(\/\S+)(?:[ \t]+([^\n]*\S))?[ \t]*\n/;

/** The program that a script asks for in its first line, with its one argument as the kernel would give it. */
export function interpreterOf(script: string): string[] {
  const [, program, argument] = SHEBANG.exec(`${script}\n`) ?? [];
  if (program === undefined) return ["/bin/sh"];
  return argument === undefined ? [program] : [program, argument];
}

/** Line ends as a shell understands them: templates are written on any system. */
export const scriptText = (script: string): string => script.replaceAll("\r\n", "\n");

/** An install script: the server's limits, no ports, nothing on its standard input. */
export function installArguments(launch: Launch, scriptFile: string, setting: ContainerSetting): RunArguments {
  const { spec, paths, runId } = launch;
  const own = [
    "--name",
    installContainerName(spec.id),
    ...labels(setting, spec.id, runId, "install"),
    ...bind(paths.data, DATA_OF_OTHER_PANELS),
    ...launch.network.arguments,
    ...bind(scriptFile, SCRIPT_IN_CONTAINER, true),
  ];
  const shell = [
    spec.installImage || spec.image,
    "-c",
    `exec "$@" </dev/null 2>&1`,
    "sh",
    ...interpreterOf(scriptText(spec.installScript)),
    SCRIPT_IN_CONTAINER,
  ];
  if (!spec.installAsRoot) return runArguments(launch, setting, own, shell);
  // What root keeps at home stays in the container; the game's home is among its files.
  const environment = { ...launch.environment, HOME: "/root" };
  return runArguments({ ...launch, environment }, setting, own, shell, ROOT);
}
