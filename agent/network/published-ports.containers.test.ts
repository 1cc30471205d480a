/** Ports of the node that lead to servers, over all that happens to servers and agents. */
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { createServer } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { NerdctlRuntime } from "../runtime/nerdctl/nerdctl-runtime.ts";
import { nerdctl, pidOf, processStatus, TestNode } from "../runtime/nerdctl/testing/test-node.ts";
import { waitUntil } from "../testing/wait-until.ts";
import { addressesOf, callTcp, callUdp, type EchoServer, startEcho } from "./testing/echo-servers.ts";
import { firewallLines } from "./testing/left-over.ts";

const PORT = 26_671;
const SEND_EVERY_MS = 100;

let node: TestNode;
let runtime: NerdctlRuntime;
beforeEach(async () => {
  node = new TestNode();
  runtime = await node.watchedRuntime();
});
afterEach(() => node.cleanUp());

const allocations = [{ ip: "0.0.0.0", port: PORT, isPrimary: true }];
const startGame = () => startEcho(node, runtime, { ownerId: "alice", allocations });
const leading = () => firewallLines(node.dataDir).filter((line) => line.includes(`--dport ${PORT} -j DNAT`));

async function hasEnded(game: EchoServer, count = 1): Promise<void> {
  const ends = () => node.exits.filter(({ serverId }) => serverId === game.id).length;
  await waitUntil("the end", () => ends() === count);
  await waitUntil("nothing to lead to it", () => leading().length === 0);
}

async function again(game: EchoServer): Promise<void> {
  await runtime.start(game.launch);
  await waitUntil("the echo", async () => (await callTcp("127.0.0.1", PORT)) === "hi");
}

async function canBind(): Promise<boolean> {
  const server = createServer().listen({ port: PORT, host: "0.0.0.0", exclusive: true });
  const isBound = await once(server, "listening").then(
    () => true,
    () => false,
  );
  if (isBound) await once(server.close(), "close");
  return isBound;
}

describe("the port of a server", () => {
  it("is nobody else's while it runs, and refused and free when it does not", async () => {
    const game = await startGame();
    expect(await canBind()).toBe(false);
    expect([await callTcp("127.0.0.1", PORT), await callUdp("127.0.0.1", PORT)]).toEqual(["hi", "hi"]);
    await runtime.kill(game.id);
    await hasEnded(game);
    expect(await callTcp("127.0.0.1", PORT)).toBe("ECONNREFUSED");
    expect(await canBind()).toBe(true);
    await again(game);
    expect(await canBind()).toBe(false);
  }, 60_000);

  it("leads to the same address after a restart", async () => {
    const [game] = await Promise.all([startGame(), startEcho(node, runtime, { ownerId: "alice" }, 7778)]);
    const before = await addressesOf(game);
    await runtime.kill(game.id);
    await hasEnded(game);
    // Somebody else comes meanwhile.
    await startEcho(node, runtime, { ownerId: "alice" }, 7779);
    await again(game);
    expect(await addressesOf(game)).toEqual(before);
  }, 60_000);

  it("leads nowhere when its shim was killed", async () => {
    const game = await startGame();
    const shim = Number(processStatus(pidOf(game.id), "PPid"));
    process.kill(shim, "SIGKILL");
    await hasEnded(game);
    expect(await callTcp("127.0.0.1", PORT)).toBe("ECONNREFUSED");
    await again(game);
  }, 60_000);

  it("leads nowhere when its start failed", async () => {
    const launch = node.launch("true", { image: "catalyst-test/none:1", ownerId: "alice", allocations });
    await expect(runtime.start(launch)).rejects.toThrow();
    expect(leading()).toEqual([]);
    expect(await canBind()).toBe(true);
  }, 60_000);
});

describe("the next agent", () => {
  it("leads and holds the ports of what still runs, and never lets go of them between", async () => {
    const game = await startGame();
    await runtime.close();
    expect(leading()).toHaveLength(2);
    expect(await callTcp("127.0.0.1", PORT)).toBe("hi");
    const next = await node.watchedRuntime();
    expect(leading()).toHaveLength(2);
    expect(await canBind()).toBe(false);
    // Another start writes all rules anew.
    await startEcho(node, next, { ownerId: "bob" });
    expect(await callTcp("127.0.0.1", PORT)).toBe("hi");
    await next.kill(game.id);
    await hasEnded(game);
  }, 60_000);

  it("leads nobody to what ended while no agent was there, or was removed behind its back", async () => {
    const [ended, removed] = await Promise.all([
      startGame(),
      startEcho(node, runtime, { ownerId: "bob", allocations: [{ ...allocations[0]!, port: PORT + 1 }] }),
    ]);
    await runtime.close();
    process.kill(pidOf(ended.id), "SIGKILL");
    nerdctl("rm", "-f", `catalyst-${removed.id}`);
    await node.watchedRuntime();
    await waitUntil("nothing to lead to it", () => leading().length === 0);
    expect(firewallLines(node.dataDir).filter((line) => line.includes("DNAT --to"))).toEqual([]);
    expect(await callTcp("127.0.0.1", PORT)).toBe("ECONNREFUSED");
  }, 60_000);
});

describe("a player's UDP stream", () => {
  let player: Socket;
  let timer: NodeJS.Timeout;
  let answers: number;
  /** Sends all the time from one port, as games do. */
  async function play(): Promise<void> {
    player = createSocket("udp4");
    player.on("error", () => {});
    answers = 0;
    player.on("message", () => answers++);
    player.bind(0);
    await once(player, "listening");
    timer = setInterval(() => player.send("hi", PORT, "127.0.0.1"), SEND_EVERY_MS);
  }
  const isAnswered = async () => {
    const before = answers;
    await waitUntil("answers", () => answers > before + 3, 15_000);
  };
  afterEach(() => {
    clearInterval(timer);
    player.close();
  });

  it("goes on after the server was started again", async () => {
    const game = await startGame();
    await play();
    await isAnswered();
    await runtime.kill(game.id);
    await hasEnded(game);
    await again(game);
    await isAnswered();
  }, 60_000);

  it("that began while the server was stopped reaches it when it starts", async () => {
    const game = await startGame();
    await runtime.follow([game.launch.spec]);
    await runtime.kill(game.id);
    await hasEnded(game);
    await play();
    await delay(SEND_EVERY_MS * 10);
    expect(answers).toBe(0);
    await again(game);
    await isAnswered();
  }, 60_000);
});
