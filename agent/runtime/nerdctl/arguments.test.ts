import { describe, expect, it } from "vitest";
import { serverPaths } from "../../console/server-paths.ts";
import type { JoinedNetwork } from "../../network/networks.ts";
import { serverSpec } from "../../testing/server-spec.ts";
import { type ContainerSetting, gameArguments, startupScript } from "./arguments.ts";
import { installArguments } from "./install-arguments.ts";

const setting: ContainerSetting = {
  nodeId: "node-1",
  panel: "0123456789abcdef",
  gameOwner: { uid: 988, gid: 988 },
  initBinary: "tini-static",
  logger: "/var/lib/catalyst/bin/console-logger",
  environmentFolder: "/var/lib/catalyst/environment",
  openFilesMax: 100_000,
  limits: { cpus: [0, 1], ioWeight: null },
};
const spec = serverSpec({ id: "s1", image: "game:1", installImage: "tools:1", networkMode: "bridge" });
const network: JoinedNetwork = { arguments: ["--net", "catalyst-own-1", "--ip", "10.208.1.2"], release: () => {} };
const launch = { spec, paths: serverPaths("/var/lib/catalyst", "s1"), environment: {}, runId: "run-1", network };

/** Values of a repeatable flag. */
const valuesOf = (args: string[], flag: string) => args.filter((_arg, i) => args[i - 1] === flag);

describe("the arguments of a game's container", () => {
  const { arguments: args } = gameArguments(launch, "java -jar server.jar", setting);

  it("take every privilege away", () => {
    expect(valuesOf(args, "--cap-drop")).toEqual(["ALL"]);
    expect(valuesOf(args, "--security-opt")).toEqual(["no-new-privileges"]);
    expect(valuesOf(args, "--user")).toEqual(["988:988"]);
    expect(args).toContain("--read-only");
    expect(args).not.toContain("--privileged");
    expect(args).not.toContain("--cap-add");
  });

  it("say whose it is", () => {
    expect(valuesOf(args, "--name")).toEqual(["catalyst-s1"]);
    expect(valuesOf(args, "--label")).toEqual([
      "catalyst.panel=0123456789abcdef",
      "catalyst.node=node-1",
      "catalyst.server=s1",
      "catalyst.run=run-1",
      "catalyst.kind=game",
    ]);
  });

  it("mount the data and the pipe, and nothing else of the node", () => {
    expect(valuesOf(args, "--mount")).toEqual([
      "type=bind,source=/var/lib/catalyst/servers/s1/stdin,target=/run/catalyst/stdin",
      "type=bind,source=/var/lib/catalyst/servers/s1/data,target=/data",
    ]);
    expect(args).not.toContain("-v");
  });

  it("end with the image and the command, which cannot become an option", () => {
    const hostile = gameArguments(launch, "--privileged; rm -rf /", setting).arguments;
    const end = hostile.lastIndexOf("--");
    expect(hostile.slice(end + 1, end + 3)).toEqual(["game:1", "-c"]);
    expect(hostile.at(-1)).toContain("--privileged; rm -rf /");
    expect(valuesOf(args, "--log-driver")).toEqual([
      "binary:///var/lib/catalyst/bin/console-logger?dir=%2Fvar%2Flib%2Fcatalyst%2Fservers%2Fs1%2Fconsole",
    ]);
  });
});

describe("the environment", () => {
  it("is in a file, but for what a file's line cannot carry, and never a broken name", () => {
    const environment = {
      PASSWORD: "p=#a'ss",
      PADDED: " x ",
      LINES: "a\nb",
      "BAD NAME": "1",
      "": "2",
      "#C": "3",
      EMPTY: "",
    };
    const { arguments: args, environmentFile } = gameArguments({ ...launch, environment }, "true", setting);
    expect(environmentFile.content).toBe("PASSWORD=p=#a'ss\nEMPTY=\nTINI_KILL_PROCESS_GROUP=1\n");
    expect(valuesOf(args, "--env-file")).toEqual([environmentFile.path]);
    expect(valuesOf(args, "-e")).toEqual(["PADDED= x ", "LINES=a\nb"]);
  });
});

describe("limits and networks", () => {
  it("are what the server asked for", () => {
    const limited = { ...spec, memoryMb: 2048, memoryHeadroomMb: 308, cpuPinning: "1", openFilesLimit: 2048 };
    for (const { arguments: args } of [
      gameArguments({ ...launch, spec: limited }, "game", setting),
      installArguments({ ...launch, spec: limited }, "/install.sh", setting),
    ]) {
      expect(valuesOf(args, "--memory")).toEqual(["2356m"]);
      expect(valuesOf(args, "--cpuset-cpus")).toEqual(["1"]);
      expect(valuesOf(args, "--ulimit")).toContain("nofile=2048:2048");
    }
  });

  it("ask for no more open files than the machine grants", () => {
    const few = { ...setting, openFilesMax: 1024 };
    expect(valuesOf(gameArguments(launch, "game", few).arguments, "--ulimit")).toContain("nofile=1024:1024");
  });

  it("leave published ports to the agent's own firewall", () => {
    const allocations = [{ ip: "0.0.0.0", port: 25565, isPrimary: true }];
    const { arguments: args } = gameArguments({ ...launch, spec: { ...spec, allocations } }, "game", setting);
    expect(valuesOf(args, "--net")).toEqual(["catalyst-own-1"]);
    expect(valuesOf(args, "--ip")).toEqual(["10.208.1.2"]);
    expect(args).not.toContain("-p");
  });
});

describe("a startup command", () => {
  it.each(["java -Xmx1G -jar server.jar nogui", " ./bedrock_server ", "node -e 'x' $SERVER_PORT"])(
    "that is one program replaces the shell: %s",
    (command) => {
      expect(startupScript(command)).toBe(`exec ${command.trim()}`);
    },
  );

  it.each([
    "cd /data && ./run",
    "exec java -jar x",
    "FOO=1 java",
    "if true; then x; fi",
    "a | b",
    "x\ny",
    "(a)",
    ". ./env",
  ])("that is more is run as it is, by a shell that ends with its signal: %s", (command) => {
    expect(startupScript(command)).toMatch(/^trap 'exit 143' TERM;/);
    expect(startupScript(command).endsWith(`\n${command}`)).toBe(true);
  });
});
