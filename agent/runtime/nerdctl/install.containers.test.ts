import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { waitUntil } from "../../testing/wait-until.ts";
import { installContainerName } from "./options.ts";
import { nerdctl, TestNode } from "./testing/test-node.ts";

let node: TestNode;
beforeEach(() => {
  node = new TestNode();
});
afterEach(() => node.cleanUp());

const never = new AbortController().signal;
const isThere = (serverId: string) =>
  nerdctl("ps", "-a", "--format", "{{.Names}}").split("\n").includes(installContainerName(serverId));

describe("an install script", () => {
  it("fills the data folder as the server's user, with its output in the console", async () => {
    const launch = node.launch("true", { installScript: 'set -eu\necho "installing $FLAVOUR"\necho content >file\n' });
    const exit = await node.runtime().install({ ...launch, environment: { FLAVOUR: "vanilla" } }, never);
    expect(exit).toMatchObject({ exitCode: 0, signal: null, oomKilled: false });
    expect(readFileSync(join(launch.paths.data, "file"), "utf8")).toBe("content\n");
    expect(statSync(join(launch.paths.data, "file"))).toMatchObject({ uid: 988, gid: 988 });
    await waitUntil("the output", async () => (await node.consoleText(launch)) === "installing vanilla\n");
    expect(isThere(launch.spec.id)).toBe(false);
  });

  it("that fails tells its code", async () => {
    const launch = node.launch("true", { installScript: "echo no; exit 9" });
    expect(await node.runtime().install(launch, never)).toMatchObject({ exitCode: 9 });
    expect(isThere(launch.spec.id)).toBe(false);
  });

  it("that hangs is killed and removed by its deadline", async () => {
    const launch = node.launch("true", { installScript: "trap '' TERM; echo begun; while :; do sleep 1; done" });
    const abort = new AbortController();
    const install = node.runtime().install(launch, abort.signal);
    const outcome = expect(install).rejects.toThrow("ended before it was done");
    await waitUntil("the script", async () => (await node.consoleText(launch)) === "begun\n");
    abort.abort();
    await outcome;
    expect(isThere(launch.spec.id)).toBe(false);
  });

  it("that lost its agent is removed by the next one", async () => {
    const launch = node.launch("true", { installScript: "sleep 100" });
    const install = node
      .runtime()
      .install(launch, never)
      .catch((error: Error) => error);
    await waitUntil("the container", () => isThere(launch.spec.id));
    await node.watchedRuntime();
    await waitUntil("its removal", () => !isThere(launch.spec.id));
    expect(await install).toBeInstanceOf(Error);
  });
});
