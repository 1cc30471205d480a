import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createLog } from "../../log.ts";
import { waitUntil } from "../../testing/wait-until.ts";
import type { LaunchSpec } from "../container-runtime.ts";
import { loginFile, writeLogin } from "./registries.ts";
import { nerdctl, TestNode } from "./testing/test-node.ts";
import { TestRegistry } from "./testing/test-registry.ts";

let node: TestNode;
let registry: TestRegistry;
let pulled: string[];
beforeEach(async () => {
  node = new TestNode();
  registry = await TestRegistry.start();
  pulled = [];
});
afterEach(async () => {
  await registry.close();
  await node.cleanUp();
  for (const image of pulled) {
    execFileSync("sh", ["-c", 'nerdctl --namespace catalyst rmi -f "$1" >/dev/null 2>&1 || true', "sh", image]);
  }
});

const MIB = 2 ** 20;
function publish(name: string, version = "1", ballastBytes = 0): string {
  const image = registry.publish(name, version, ballastBytes);
  pulled.push(image);
  return image;
}
const launchOf = (image: string, change: object = {}) =>
  node.launch("cat /etc/version; sleep 100", { image, installImage: image, ...change });
const consoleHas = (launch: LaunchSpec, text: string) =>
  waitUntil(text, async () => {
    const console = await node.consoleText(launch);
    return console.includes(text) && console;
  });
const isPresent = (image: string) => nerdctl("images", "--format", "{{.Name}}").split("\n").includes(image);

describe("an image that is not on the node", () => {
  it("is pulled with its progress in the console, and then not again", { timeout: 60_000 }, async () => {
    const image = publish("games/slow:1", "1", 4 * MIB);
    registry.bytesPerSecond = 0.7 * MIB;
    const runtime = node.runtime();
    const launch = launchOf(image);
    expect((await runtime.start(launch)).isRunning).toBe(true);
    const text = await consoleHas(launch, "The image is here.");
    expect(text).toContain(`[catalyst] Pulling image ${image} ...\n`);
    const percents = [...text.matchAll(/Pulling the image: (\d+) % \(\d of \d layers, [\d.]+ [KM]iB fetched\)/g)];
    const figures = percents.map(([, percent]) => Number(percent));
    expect(figures.length).toBeGreaterThan(1);
    expect(figures).toEqual([...figures].sort((a, b) => a - b));
    await consoleHas(launch, "\n1");
    const again = launchOf(image);
    await runtime.start(again);
    expect(await consoleHas(again, "1")).not.toContain("Pulling");
    expect(registry.layerRequests.length).toBe(2);
  });

  it("is pulled once for all that wait for it; one may leave", { timeout: 60_000 }, async () => {
    const image = publish("games/shared:1", "1", 2 * MIB);
    registry.bytesPerSecond = 0.1 * MIB;
    const runtime = node.runtime();
    const [first, second, leaving] = [launchOf(image), launchOf(image), launchOf(image)];
    const starts = [runtime.start(first)];
    // From here on somebody waits: a pull that the leaving one had begun alone would rightly be ended with its wait.
    await waitUntil("the download", () => registry.layerRequests.length > 0);
    starts.push(runtime.start(second));
    const left = expect(runtime.start(leaving)).rejects.toThrow("cancelled");
    await Promise.all([consoleHas(leaving, "Pulling image"), consoleHas(second, "Pulling image")]);
    runtime.cancelPull(leaving.spec.id);
    await left;
    registry.bytesPerSecond = 0;
    expect((await Promise.all(starts)).map(({ isRunning }) => isRunning)).toEqual([true, true]);
    expect(new Set(registry.layerRequests).size).toBe(registry.layerRequests.length);
    expect(await runtime.inspect(leaving.spec.id)).toBeNull();
  });

  it("is not waited for once nobody wants it, and can be pulled later", { timeout: 60_000 }, async () => {
    const image = publish("games/stuck:1", "1");
    registry.isStuck = true;
    const runtime = node.runtime();
    const launch = launchOf(image);
    const start = expect(runtime.start(launch)).rejects.toThrow("The download of the container image was cancelled.");
    await waitUntil("the download", () => registry.layerRequests.length > 0);
    runtime.cancelPull(launch.spec.id);
    await start;
    expect(await node.consoleText(launch)).toContain("was cancelled");
    expect(isPresent(image)).toBe(false);
    registry.isStuck = false;
    const abort = new AbortController();
    const install = { ...launch, spec: { ...launch.spec, installScript: "cat /etc/version" } };
    expect(await runtime.install(install, abort.signal)).toMatchObject({ exitCode: 0 });
  });

  it("is given up after its time, in words", { timeout: 60_000 }, async () => {
    const image = publish("games/late:1");
    registry.isStuck = true;
    const launch = launchOf(image);
    await expect(node.runtime({ pullDeadlineMs: 1_500 }).start(launch)).rejects.toThrow("within 1 minutes");
    expect(await runtimeKnows(launch)).toBe(false);
  });

  it("that does not exist is said to", async () => {
    const launch = launchOf(`${registry.host}/games/none:1`);
    await expect(node.runtime().start(launch)).rejects.toThrow("does not exist, or this node may not pull it");
  });
});

const runtimeKnows = async (launch: LaunchSpec) => (await node.runtime().inspect(launch.spec.id)) !== null;

describe("a newer image of the same name", () => {
  it("is fetched once after it was asked for, else the one on the node is used", { timeout: 60_000 }, async () => {
    const image = publish("games/moving:latest", "one");
    const runtime = node.runtime();
    const first = launchOf(image);
    await runtime.start(first);
    await consoleHas(first, "one");
    publish("games/moving:latest", "two");
    const second = launchOf(image);
    await runtime.start(second);
    await consoleHas(second, "one");
    const third = launchOf(image, { imageRefreshAt: 1 });
    await runtime.start(third);
    await consoleHas(third, "two");
    await runtime.remove(third.spec.id);
    publish("games/moving:latest", "three");
    await runtime.start(third);
    await waitUntil("the second run", async () => (await node.consoleText(third)).match(/two/g)?.length === 2);
  });

  it("that cannot be fetched keeps no server from starting", { timeout: 60_000 }, async () => {
    const image = publish("games/kept:1", "kept");
    const runtime = node.runtime();
    await runtime.start(launchOf(image));
    await registry.close();
    const launch = launchOf(image, { imageRefreshAt: 5 });
    expect((await runtime.start(launch)).isRunning).toBe(true);
    expect(await consoleHas(launch, "kept")).toContain("started with the image that is on the node");
    registry = await TestRegistry.start();
  });
});

describe("a private registry", () => {
  const PASSWORD = "hunter2/with+signs";

  it("is told the node's login, which is in no argument, variable, log or file afterwards", {
    timeout: 60_000,
  }, async () => {
    const image = publish("private/game:1", "private", 2 * MIB);
    registry.demand("robot", PASSWORD);
    registry.bytesPerSecond = MIB;
    const launch = launchOf(image);
    const logFile = join(node.dataDir, "agent.log");
    const runtime = node.runtime({ log: createLog("debug", logFile) });
    await expect(runtime.start(launch)).rejects.toThrow("wants a login");
    await writeLogin(loginFile(node.dataDir), registry.host, {
      username: "robot",
      password: "wrong-password",
      insecure: false,
    });
    await expect(runtime.start(launch)).rejects.toThrow("wants a login");
    await writeLogin(loginFile(node.dataDir), registry.host, {
      username: "robot",
      password: PASSWORD,
      insecure: false,
    });
    const start = runtime.start(launch);
    await waitUntil("the download", () => registry.layerRequests.length > 0);
    const secrets = [PASSWORD, Buffer.from(`robot:${PASSWORD}`).toString("base64"), "wrong-password"];
    const processes = execFileSync("ps", ["axeww", "-o", "args"], { encoding: "utf8" });
    expect(processes).toContain(image);
    for (const secret of secrets) expect(processes).not.toContain(secret);
    expect((await start).isRunning).toBe(true);
    const console = await consoleHas(launch, "private");
    const log = readFileSync(logFile, "utf8");
    expect(log).toContain("nerdctl failed");
    for (const secret of secrets) {
      expect(console).not.toContain(secret);
      expect(log).not.toContain(secret);
    }
    expect(readdirSync(join(node.dataDir, "nerdctl-runtime", "pulls"))).toEqual([]);
    expect(statSync(loginFile(node.dataDir)).mode & 0o777).toBe(0o600);
  });

  it("gets no login of another", async () => {
    const image = publish("private/other:1");
    registry.demand("robot", PASSWORD);
    await writeLogin(loginFile(node.dataDir), "127.0.0.1:1", {
      username: "robot",
      password: PASSWORD,
      insecure: false,
    });
    await expect(node.runtime().start(launchOf(image))).rejects.toThrow("wants a login");
    expect(existsSync(join(node.dataDir, "nerdctl-runtime", "pulls"))).toBe(true);
  });
});
