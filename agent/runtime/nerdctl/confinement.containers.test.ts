import { existsSync, mkdirSync, statSync, writeFileSync } from "node:fs";
import { createConnection, createServer, type Server } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { writeConsoleInput } from "../../console/console-input.ts";
import { ECHO } from "../../testing/server-spec.ts";
import { waitUntil } from "../../testing/wait-until.ts";
import { pidOf, processStatus, TestNode } from "./testing/test-node.ts";

let node: TestNode;
beforeEach(() => {
  node = new TestNode();
});
afterEach(() => node.cleanUp());

const listen = (server: Server, port: number): Promise<number> =>
  new Promise((resolve) =>
    server.listen(port, "127.0.0.1", () => resolve((server.address() as { port: number }).port)),
  );

async function freePort(): Promise<number> {
  const server = createServer();
  const port = await listen(server, 0);
  await new Promise((resolve) => server.close(resolve));
  return port;
}

describe("a server's container", () => {
  it("has no capability, cannot get any, and can write its data and /tmp alone", async () => {
    const launch = node.launch(
      "id -u; touch /data/mine /tmp/mine && echo mine; touch /etc/theirs || echo refused; exec sleep 100",
    );
    await node.runtime().start(launch);
    const pid = pidOf(launch.spec.id);
    for (const set of ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"]) {
      expect(Number.parseInt(processStatus(pid, set), 16), set).toBe(0);
    }
    expect(processStatus(pid, "NoNewPrivs")).toBe("1");
    expect(processStatus(pid, "Seccomp")).toBe("2");
    expect(processStatus(pid, "Uid").split("\t")[0]).toBe("988");
    const text = await waitUntil("the refusal", async () => {
      const console = await node.consoleText(launch);
      return console.includes("refused") && console;
    });
    expect(text).toMatch(/^988\nmine\n.*Read-only file system\nrefused\n$/);
    expect(statSync(join(launch.paths.data, "mine")).uid).toBe(988);
  });

  it("answers its console, gets its environment unchanged, and leaves none of it in the process list", async () => {
    const value = "  spaces 'quotes' \"double\" $dollar \\ back ";
    const launch = node.launch(`echo "[$TRICKY]"; ${ECHO}`, {}, { TRICKY: value, PASSWORD: "hunter2", LINES: "a\nb" });
    await node.runtime().start(launch);
    await writeConsoleInput(launch.paths, "hello");
    await writeConsoleInput(launch.paths, "stop");
    const text = await waitUntil("the goodbye", async () => {
      const console = await node.consoleText(launch);
      return console.includes("bye\n") && console;
    });
    expect(text).toBe(`[${value}]\nready\necho: hello\nbye\n`);
  });

  it("leaves no environment on the node, not even one that a killed agent was just handing over", async () => {
    const folder = join(node.dataDir, "nerdctl-runtime", "environment");
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "cut-short"), "PASSWORD=hunter2\n");
    await node.watchedRuntime();
    expect(existsSync(folder)).toBe(false);
  });

  it("is reached on its port by TCP, and refuses a port that is taken in words", async () => {
    const port = await freePort();
    const allocations = [{ ip: "127.0.0.1", port, isPrimary: true }];
    const runtime = node.runtime();
    const launch = node.launch(`exec nc -l -p ${port} -e echo greetings`, { allocations });
    await runtime.start(launch);
    const greeting = await waitUntil("the greeting", () => {
      return new Promise<string>((resolve) => {
        const socket = createConnection(port, "127.0.0.1");
        socket.on("data", (data) => resolve(data.toString()));
        socket.on("error", () => resolve(""));
        socket.on("close", () => resolve(""));
      });
    });
    expect(greeting).toBe("greetings\n");

    const holder = createServer();
    const taken = await listen(holder, 0);
    const refused = node.launch("sleep 100", { allocations: [{ ip: "127.0.0.1", port: taken, isPrimary: true }] });
    await expect(runtime.start(refused)).rejects.toThrow(`Port ${taken} is already in use on 127.0.0.1.`);
    expect(await runtime.inspect(refused.spec.id)).toBeNull();
    await new Promise((resolve) => holder.close(resolve));
    expect((await runtime.start(refused)).isRunning).toBe(true);
  });
});
