import { describe, expect, it } from "vitest";
import { isAtLeast } from "../../preflight/programs.ts";
import { parseContainers } from "./containers.ts";
import { explainFailure, isContainerMissing } from "./errors.ts";
import { parseEvent } from "./events.ts";
import { exitStatus } from "./exit-status.ts";

describe("what nerdctl says, in the owner's words", () => {
  it.each([
    ['image not available: "nosuch:1"', "not on this node"],
    [
      "failed to resolve reference: pull access denied, repository does not exist",
      "does not exist, or this node may not pull",
    ],
    ["dial tcp: lookup registry: no such host", "registry cannot be reached"],
    ["write /x: no space left on device", "disk is full"],
    ['cannot access containerd socket "/run/containerd/containerd.sock"', "containerd) does not answer"],
    ['exec: "/bin/sh": stat /bin/sh: no such file or directory', "no /bin/sh"],
    [
      String.raw`name-store error\nname \"catalyst-s1\" is already used by ID \"90\"`,
      "Another container on this node, not one of this panel's, has the name catalyst-s1.",
    ],
    ["panic: goroutine 1 at /root/secret/path", "The container could not be started."],
  ])("%s", (output, words) => {
    const explained = explainFailure("start", `time="…" level=fatal msg="${output}"`);
    expect(explained).toContain(words);
    expect(explained).not.toMatch(/msg=|goroutine|secret/);
  });
});

it.each([
  ['level=fatal msg="no such container: p2"', true],
  [String.raw`level=fatal msg="container \"842e7b\" in namespace \"catalyst\": not found"`, true],
  [String.raw`level=fatal msg="image \"x\" not found"`, false],
])("a container that is gone is told from other failures: %s", (output, isMissing) => {
  expect(isContainerMissing(output)).toBe(isMissing);
});

describe("an event", () => {
  const record = (topic: string, event: object) => JSON.stringify({ Topic: topic, Event: JSON.stringify(event) });

  it("is an exit of a container's first process, whose code may be left out when it is 0", () => {
    const exitedAt = { seconds: 1_795_515_213, nanos: 113_536_507 };
    const event = { container_id: "a", id: "a", pid: 1, exit_status: 42, exited_at: exitedAt };
    const expected = { kind: "exit", containerId: "a", exitCode: 42, exitedAt: 1_795_515_213_113 };
    expect(parseEvent(record("/tasks/exit", event), 5)).toEqual(expected);
    expect(parseEvent(record("/tasks/exit", { container_id: "a", id: "a" }), 5)).toMatchObject({
      exitCode: 0,
      exitedAt: 5,
    });
  });

  it("is a pause, which somebody made from outside", () => {
    expect(parseEvent(record("/tasks/paused", { container_id: "a" }), 5)).toEqual({ kind: "paused", containerId: "a" });
  });

  it("of another process, another topic or garbage is none", () => {
    expect(parseEvent(record("/tasks/exit", { container_id: "a", id: "exec-1", exit_status: 1 }), 5)).toBeNull();
    expect(parseEvent(record("/containers/create", { id: "a" }), 5)).toBeNull();
    for (const line of ["", "{", "null", '{"Topic":"/tasks/exit","Event":"nonsense"}'])
      expect(parseEvent(line, 5)).toBeNull();
  });
});

describe("an exit", () => {
  it("for want of memory is only one by SIGKILL", () => {
    expect(exitStatus(137, 1, true)).toEqual({ exitCode: 137, signal: "SIGKILL", oomKilled: true, exitedAt: 1 });
    expect(exitStatus(137, 1, false).oomKilled).toBe(false);
    expect(exitStatus(143, 1, true)).toMatchObject({ signal: "SIGTERM", oomKilled: false });
    expect(exitStatus(1, 1, true)).toMatchObject({ signal: null, oomKilled: false });
  });

  it("that containerd forgot is not taken for success", () => {
    const labels = { "catalyst.node": "n", "catalyst.server": "s", "catalyst.run": "r" };
    const state = {
      Status: "",
      Running: false,
      Pid: 0,
      ExitCode: 0,
      StartedAt: "0001-01-01T00:00:00Z",
      FinishedAt: "",
    };
    const [container] = parseContainers(JSON.stringify([{ Id: "a", State: state, Config: { Labels: labels } }]));
    expect(container).toMatchObject({ isRunning: false, exitCode: null, startedAt: null, finishedAt: null });
  });
});

describe("a version", () => {
  it("is compared number by number", () => {
    expect(isAtLeast("v2.3.5", "2.0")).toBe(true);
    expect(isAtLeast("1.1.5+ds1-1", "1.1")).toBe(true);
    expect(isAtLeast("1.10.0", "1.9")).toBe(true);
    expect(isAtLeast("1.6.20", "2.0")).toBe(false);
    expect(isAtLeast("nonsense", "1.0")).toBe(false);
  });
});
