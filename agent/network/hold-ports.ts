/**
 * Ports of the node that a running game has are held by sockets of the agent: no other program can bind them meanwhile,
 * and one that has a port already is noticed before the game starts. What players send never reaches these sockets, for
 * the firewall leads it to the game first.
 */
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { createServer, isIPv6 } from "node:net";
import { RuntimeError } from "../runtime/container-runtime.ts";

/** A port on one of the node's addresses, by TCP and UDP. */
export interface NodePort {
  ip: string;
  port: number;
}

/** Holds ports until it is released. */
export interface PortHold {
  release(): Promise<void>;
}

type Close = () => Promise<void>;
/** Once it is bound nothing that happens to a socket matters. */
const unheard = () => {};

async function holdTcp({ ip, port }: NodePort): Promise<Close> {
  // Reached all the same by `::1`, which the kernel cannot lead anywhere else: as refused as it can be.
  const server = createServer({ pauseOnConnect: true }, (socket) => socket.on("error", unheard).resetAndDestroy());
  server.listen({ host: ip, port, ipv6Only: isIPv6(ip), exclusive: true, backlog: 1 });
  await once(server, "listening");
  server.on("error", unheard).unref();
  return async () => void (await once(server.close(), "close"));
}

async function holdUdp({ ip, port }: NodePort): Promise<Close> {
  const isV6 = isIPv6(ip);
  const socket = createSocket({ type: isV6 ? "udp6" : "udp4", ipv6Only: isV6 });
  socket.bind({ address: ip, port, exclusive: true });
  await once(socket, "listening");
  socket.on("error", unheard).unref();
  return async () => void (await once(socket.close(), "close"));
}

function inWords(error: unknown, { ip, port }: NodePort): unknown {
  const { code } = error as NodeJS.ErrnoException;
  if (code === "EADDRINUSE") return new RuntimeError(`Port ${port} is already in use on ${ip}.`);
  if (code === "EADDRNOTAVAIL") return new RuntimeError(`The address ${ip} does not belong to this node.`);
  return error;
}

/**
 * Holds all of the ports, or none.
 *
 * @throws RuntimeError in words for the owner when one is in use, or its address is not the node's
 */
export async function holdPorts(ports: readonly NodePort[]): Promise<PortHold> {
  const closes: Close[] = [];
  const release = async () => void (await Promise.all(closes.splice(0).map((close) => close())));
  for (const port of ports) {
    try {
      closes.push(await holdTcp(port));
      closes.push(await holdUdp(port));
    } catch (error) {
      await release();
      throw inWords(error, port);
    }
  }
  return { release };
}
