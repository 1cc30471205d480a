/** What of the kernel the networks stand on. */
import { existsSync } from "node:fs";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import type { Log } from "../log.ts";
import { demandProgram } from "../run-program.ts";
import { RuntimeError } from "../runtime/container-runtime.ts";

const DEADLINE = { deadlineMs: 10_000 };
const IPV4 = "/proc/sys/net/ipv4/conf";
const IPV6 = "/proc/sys/net/ipv6/conf";
const BRIDGE_FILTER = "/proc/sys/net/bridge";

const readSetting = (file: string) =>
  readFile(file, "utf8").then(
    (text) => text.trim(),
    () => null,
  );

export const hasInterface = (name: string): boolean => existsSync(join("/sys/class/net", name));

/** Interfaces that hang on a bridge. */
export const portsOf = (bridge: string): Promise<string[]> =>
  readdir(join("/sys/class/net", bridge, "brif")).catch(() => []);

export async function hasIpv6(): Promise<boolean> {
  return (await readSetting(join(IPV6, "all", "disable_ipv6"))) === "0";
}

/**
 * A machine that forwards IPv6 ignores router advertisements unless told otherwise: one that has its own address or way
 * out from them would be cut off by the first bridge. To be called before that.
 */
export async function keepRouterAdvertisements(log: Log): Promise<void> {
  if ((await readSetting(join(IPV6, "all", "forwarding"))) !== "0") return;
  for (const name of await readdir(IPV6).catch(() => [])) {
    if (name === "all" || name === "default") continue;
    const file = join(IPV6, name, "accept_ra");
    if ((await readSetting(file)) !== "1") continue;
    await writeFile(file, "2").catch((error) => log.warn({ err: error, interface: name }, "accept_ra stays"));
  }
}

/** Whether the kernel filters between the ports of a bridge, or would when asked. */
export async function canFilterWithinBridges(): Promise<boolean> {
  if (existsSync(BRIDGE_FILTER)) return true;
  return demandProgram("modprobe", ["--dry-run", "br_netfilter"], DEADLINE).then(
    () => true,
    () => false,
  );
}

/**
 * Makes sure that frames between the ports of this one bridge pass the firewall, before any server is on it. Other
 * bridges of the machine are left as they are.
 *
 * @throws RuntimeError when the kernel cannot do that
 */
export async function filterWithinBridge(bridge: string): Promise<void> {
  if (!existsSync(BRIDGE_FILTER)) {
    await demandProgram("modprobe", ["br_netfilter"], DEADLINE).catch(() => {});
    // The module begins by filtering every bridge there is: those of virtual machines would feel it.
    for (const name of ["bridge-nf-call-iptables", "bridge-nf-call-ip6tables"]) {
      await writeFile(join(BRIDGE_FILTER, name), "0").catch(() => {});
    }
  }
  if (!existsSync(BRIDGE_FILTER)) {
    throw new RuntimeError("This node cannot keep servers of one pool apart: its kernel lacks br_netfilter.");
  }
  await ensureBridge(bridge);
  for (const name of ["nf_call_iptables", "nf_call_ip6tables"]) {
    const file = join("/sys/class/net", bridge, "bridge", name);
    if ((await readSetting(file)) !== "1") await writeFile(file, "1");
  }
}

/**
 * Makes sure that the bridge is there, and that the node can lead what it sends to its own loopback address on to it: a
 * port published there is reached by programs of the node.
 */
export async function routeLoopback(bridge: string): Promise<void> {
  await ensureBridge(bridge);
  const file = join(IPV4, bridge, "route_localnet");
  if ((await readSetting(file)) !== "1") await writeFile(file, "1");
}

/** The CNI plugin takes a bridge that is there for its own. */
async function ensureBridge(name: string): Promise<void> {
  if (hasInterface(name)) return;
  await demandProgram("ip", ["link", "add", "name", name, "type", "bridge"], DEADLINE).catch((error) => {
    if (!hasInterface(name)) throw error;
  });
}

export async function deleteInterface(name: string): Promise<void> {
  if (!hasInterface(name)) return;
  await demandProgram("ip", ["link", "delete", name], DEADLINE).catch((error) => {
    if (hasInterface(name)) throw error;
  });
}

const routesSchema = z.array(z.looseObject({ dst: z.string(), dev: z.string().optional() }));

/** Every range that the machine has a route to, but those over this interface, which is to be made anew. */
export async function routedRanges(except: string | null): Promise<string[]> {
  const stdout = await demandProgram("ip", ["-j", "-4", "route", "show", "table", "all"], DEADLINE);
  return routesSchema.parse(JSON.parse(stdout || "[]")).flatMap(({ dst, dev }) => {
    if (dst === "default" || (dev !== undefined && dev === except)) return [];
    return [dst.includes("/") ? dst : `${dst}/32`];
  });
}
