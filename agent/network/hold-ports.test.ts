import { createSocket } from "node:dgram";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { holdPorts, type PortHold } from "./hold-ports.ts";

let hold: PortHold | null = null;
afterEach(async () => {
  await hold?.release();
  hold = null;
});

/** A port that was free a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  await once(server.close(), "close");
  return port;
}

async function bindsTcp(port: number, host = "127.0.0.1"): Promise<boolean> {
  const server = createServer();
  server.listen({ port, host, exclusive: true });
  const isBound = await once(server, "listening").then(
    () => true,
    () => false,
  );
  if (isBound) await once(server.close(), "close");
  return isBound;
}

async function bindsUdp(port: number): Promise<boolean> {
  const socket = createSocket("udp4");
  socket.bind({ port, address: "127.0.0.1", exclusive: true });
  const isBound = await once(socket, "listening").then(
    () => true,
    () => false,
  );
  await once(socket.close(), "close");
  return isBound;
}

describe("ports that are held", () => {
  it("cannot be bound by others, by TCP or UDP, until they are released", async () => {
    const port = await freePort();
    hold = await holdPorts([{ ip: "127.0.0.1", port }]);
    expect([await bindsTcp(port), await bindsUdp(port)]).toEqual([false, false]);
    await hold.release();
    await hold.release();
    expect([await bindsTcp(port), await bindsUdp(port)]).toEqual([true, true]);
  });

  it("on all addresses are held on each", async () => {
    const port = await freePort();
    hold = await holdPorts([{ ip: "0.0.0.0", port }]);
    expect([await bindsTcp(port), await bindsUdp(port)]).toEqual([false, false]);
  });

  it("refuse who connects to them", async () => {
    const port = await freePort();
    hold = await holdPorts([{ ip: "127.0.0.1", port }]);
    const socket = connect(port, "127.0.0.1");
    const [error] = await once(socket, "close").then(
      () => ["closed"],
      (fault) => [fault.code],
    );
    expect(["closed", "ECONNRESET", "ECONNREFUSED"]).toContain(error);
  });

  it("are all held or none", async () => {
    const [first, second] = [await freePort(), await freePort()];
    const other = createSocket("udp4").bind({ port: second, address: "127.0.0.1" });
    await once(other, "listening");
    const both = [first, second].map((port) => ({ ip: "127.0.0.1", port }));
    await expect(holdPorts(both)).rejects.toThrow(`Port ${second} is already in use on 127.0.0.1.`);
    await once(other.close(), "close");
    expect([await bindsTcp(first), await bindsTcp(second)]).toEqual([true, true]);
    hold = await holdPorts(both);
  });

  it("are on addresses of the node", async () => {
    const port = await freePort();
    const foreign = holdPorts([{ ip: "192.0.2.77", port }]);
    await expect(foreign).rejects.toThrow("The address 192.0.2.77 does not belong to this node.");
  });
});
