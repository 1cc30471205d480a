import { describe, expect, it } from "vitest";
import { serverSpec } from "../../testing/server-spec.ts";
import { installArguments, interpreterOf, scriptText } from "./install-arguments.ts";

const setting = {
  nodeId: "node-1",
  panel: "0123456789abcdef",
  gameOwner: { uid: 988, gid: 988 },
  initBinary: "tini-static",
  logger: "/opt/logger",
  environmentFolder: "/run/environment",
  openFilesMax: 1024,
  limits: { cpus: [0, 1], ioWeight: null },
};
const paths = { root: "/s", data: "/s/data", console: "/s/console", stdin: "/s/stdin", records: "/s/records" };
const spec = serverSpec({ id: "s1", image: "game:1", installImage: "tools:1", networkMode: "bridge" });
const network = { arguments: ["--net", "catalyst-own-1"], release: () => {} };
const launch = { spec, paths, environment: { HOME: "/data", PASSWORD: "p" }, runId: "run-1", network };

const valuesOf = (args: string[], flag: string) => args.filter((_, index) => args[index - 1] === flag);

describe("an install container", () => {
  const { arguments: args, environmentFile } = installArguments(launch, "/records/install.sh", setting);

  it("is root with what package managers need of it, and no more privileges", () => {
    expect(valuesOf(args, "--user")).toEqual(["0:0"]);
    expect(valuesOf(args, "--cap-drop")).toEqual(["ALL"]);
    expect(valuesOf(args, "--cap-add")).not.toContain("MKNOD");
    expect(valuesOf(args, "--cap-add")).not.toContain("SYS_ADMIN");
    expect(valuesOf(args, "--security-opt")).toEqual(["no-new-privileges"]);
    expect(args).not.toContain("--read-only");
    expect(environmentFile.content).toContain("HOME=/root\n");
  });

  it("has the server's limits, no ports, both names of the data folder, and the script read-only", () => {
    expect(valuesOf(args, "--memory")).toEqual(["64m"]);
    expect(valuesOf(args, "--pids-limit")).toEqual(["64"]);
    expect(valuesOf(args, "-p")).toEqual([]);
    expect(valuesOf(args, "--net")).toEqual(["catalyst-own-1"]);
    expect(valuesOf(args, "--name")).toEqual(["catalyst-install.s1"]);
    expect(valuesOf(args, "--mount")).toEqual(
      expect.arrayContaining([
        "type=bind,source=/records/install.sh,target=/run/catalyst/install.sh,readonly",
        "type=bind,source=/s/data,target=/data",
        "type=bind,source=/s/data,target=/mnt/server",
      ]),
    );
    expect(args[args.lastIndexOf("--") + 1]).toBe("tools:1");
  });

  it("of a template without root is confined like the game", () => {
    const { arguments: own, environmentFile: file } = installArguments(
      { ...launch, spec: { ...spec, installAsRoot: false } },
      "/records/install.sh",
      setting,
    );
    expect(valuesOf(own, "--user")).toEqual(["988:988"]);
    expect(valuesOf(own, "--cap-add")).toEqual([]);
    expect(own).toContain("--read-only");
    expect(file.content).toContain("HOME=/data\n");
  });
});

describe("a script's interpreter", () => {
  it.each([
    ["echo x", ["/bin/sh"]],
    ["#!/bin/bash\necho x", ["/bin/bash"]],
    ["#! /usr/bin/env bash -e\n", ["/usr/bin/env", "bash -e"]],
    ["#!/bin/ash", ["/bin/ash"]],
    ["#!relative\n", ["/bin/sh"]],
    ["# comment\n#!/bin/bash\n", ["/bin/sh"]],
    ["", ["/bin/sh"]],
  ])("of %j is %j", (script, interpreter) => {
    expect(interpreterOf(script)).toEqual(interpreter);
  });

  it("is found in a script written with other line ends", () => {
    expect(interpreterOf(scriptText("#!/bin/bash\r\necho x\r\n"))).toEqual(["/bin/bash"]);
    expect(scriptText("a\r\nb")).toBe("a\nb");
  });
});
