/**
 * Files and bridges of this agent's networks, as they are on the machine: nothing of them is remembered here, so that an
 * agent that comes back, or a machine that does, goes on from there.
 */
import { readdir, readFile, rm } from "node:fs/promises";
import { isIPv6 } from "node:net";
import { join } from "node:path";
import type { Log } from "../log.ts";
import { writeFileAtomic } from "../records/atomic-file.ts";
import { RuntimeError } from "../runtime/container-runtime.ts";
import { conflist, readConflist, type Subnet, subnetsOf } from "./conflist.ts";
import type { Family } from "./firewall-rules.ts";
import { freeIpv4Subnet, PRIVATE_RANGE_DEFAULT, uniqueIpv6Subnet } from "./free-subnet.ts";
import {
  deleteInterface,
  filterWithinBridge,
  hasInterface,
  keepRouterAdvertisements,
  portsOf,
  routedRanges,
  routeLoopback,
} from "./kernel.ts";
import { netconfFolder } from "./netconf-folder.ts";
import { networkNamePrefix, type PlannedNetwork } from "./network-plan.ts";

const FILE_MODE = 0o644;

export interface NetworkFilesOptions {
  /** Of the agent, as `agentKey` has it. */
  key: string;
  nodeId: string;
  namespace: string;
  netconfPath?: string | undefined;
  /** Where private networks are made, in CIDR notation. */
  privateRange?: string | undefined;
  /** Where addresses in use are noted, one folder a network. */
  leaseFolder: string;
  log: Log;
  /** Removes a CNI network; false while a container is in it. */
  removeNetwork(name: string): Promise<boolean>;
}

export class NetworkFiles {
  readonly #options: NetworkFilesOptions;
  #folder: Promise<string> | null = null;

  constructor(options: NetworkFilesOptions) {
    this.#options = options;
  }

  /** Names of this agent's networks that are on the machine. */
  async names(): Promise<string[]> {
    const prefix = `nerdctl-${networkNamePrefix(this.#options.key)}`;
    const files = await readdir(await this.#netconf()).catch(() => []);
    return files
      .filter((file) => file.startsWith(prefix) && file.endsWith(".conflist"))
      .map((file) => file.slice("nerdctl-".length, -".conflist".length));
  }

  /** A network that is on the machine, and its ranges; null when its file is not whole, or not there. */
  async read(name: string): Promise<{ network: PlannedNetwork; subnets: string[] } | null> {
    const text = await readFile(await this.#file(name), "utf8").catch(() => "");
    const known = readConflist(text);
    return known && { network: known.network, subnets: subnetsOf(text).subnets };
  }

  /**
   * Makes sure that a network and its bridge are there.
   *
   * @returns the ranges of the network as it is, which may be those of before while it is in use
   * @throws RuntimeError in words for the owner
   */
  async ensure(network: PlannedNetwork, families: readonly Family[]): Promise<string[]> {
    const { name, bridge, pool } = network;
    const { nodeId, leaseFolder, log } = this.#options;
    if (pool?.parent && !hasInterface(pool.parent)) {
      throw new RuntimeError(`The node has no network interface ${pool.parent}, which this server's pool hangs on.`);
    }
    if (families.includes("ipv6")) await keepRouterAdvertisements(log);
    else if (pool && isIPv6(pool.gateway))
      throw new RuntimeError("The node has no IPv6, which this server's pool needs.");
    const file = await this.#file(name);
    const before = await readFile(file, "utf8").catch(() => null);
    const wanted = conflist(network, await this.#subnetsFor(network, families, before), { nodeId, leaseFolder });
    const known = before === null ? null : readConflist(before);
    if (JSON.stringify(known?.plugins) !== JSON.stringify(wanted.plugins)) {
      // A bridge in use cannot be given another range or gateway: servers that are in it keep it until they stop.
      const isInUse = known !== null && bridge !== null && (await portsOf(bridge)).length > 0;
      if (isInUse) log.info({ network: name }, "a network is changed when nobody uses it");
      else {
        if (bridge !== null) await deleteInterface(bridge);
        await writeFileAtomic(file, `${JSON.stringify(wanted, null, 1)}\n`, FILE_MODE);
      }
    }
    if (bridge !== null) await routeLoopback(bridge);
    if (bridge !== null && pool?.isIsolated) await filterWithinBridge(bridge);
    return subnetsOf(await readFile(file, "utf8")).subnets;
  }

  /**
   * Takes a network away, unless a container is in it.
   *
   * @param bridge its bridge, for when its file is gone already
   * @returns whether it is gone
   */
  async remove(name: string, bridge: string | null = null): Promise<boolean> {
    const file = await this.#file(name);
    const text = await readFile(file, "utf8").catch(() => null);
    const its = readConflist(text ?? "")?.network.bridge ?? bridge;
    // Before its file, without which a later agent would not know whose bridge it is. The next start makes it anew.
    if (its && (await portsOf(its)).length === 0) await deleteInterface(its);
    if (text !== null && !(await this.#options.removeNetwork(name))) return false;
    if (its) await deleteInterface(its);
    await rm(file, { force: true });
    await rm(join(this.#options.leaseFolder, name), { recursive: true, force: true });
    this.#options.log.info({ network: name }, "a network was removed");
    return true;
  }

  #netconf(): Promise<string> {
    this.#folder ??= netconfFolder(this.#options.netconfPath, this.#options.namespace);
    return this.#folder;
  }

  #file = async (name: string) => join(await this.#netconf(), `nerdctl-${name}.conflist`);

  /** A pool's own range, and a private one in each family that it has none of; the private ones of before stay. */
  async #subnetsFor(network: PlannedNetwork, families: readonly Family[], before: string | null): Promise<Subnet[]> {
    const { name, bridge, pool } = network;
    const own: Subnet[] = pool ? [{ subnet: pool.cidr, gateway: pool.gateway }] : [];
    if (bridge === null) return own;
    const isOwnIpv6 = pool !== null && isIPv6(pool.gateway);
    const subnets = [...own];
    if (pool === null || isOwnIpv6) {
      const kept = subnetsOf(before ?? "").subnets.find((subnet) => !subnet.includes(":") && subnet !== pool?.cidr);
      subnets.push({ subnet: kept ?? (await this.#freeSubnet(name, bridge)) });
    }
    if (families.includes("ipv6") && !isOwnIpv6)
      subnets.push({ subnet: uniqueIpv6Subnet(`${this.#options.nodeId} ${name}`) });
    return subnets;
  }

  async #freeSubnet(name: string, bridge: string): Promise<string> {
    const range = this.#options.privateRange ?? PRIVATE_RANGE_DEFAULT;
    const taken = [...(await routedRanges(bridge)), ...(await this.#subnetsOfOthers(name))];
    const subnet = freeIpv4Subnet(name, range, taken);
    if (subnet === null) throw new RuntimeError("The node has no room for another private network.");
    return subnet;
  }

  /** A network that nobody uses at the moment has no bridge, and yet its range is taken. */
  async #subnetsOfOthers(name: string): Promise<string[]> {
    const folder = await this.#netconf();
    const subnets: string[] = [];
    for (const place of [folder, join(folder, "..")]) {
      for (const file of await readdir(place).catch(() => [])) {
        if (!/\.(conflist|conf|json)$/.test(file)) continue;
        const found = subnetsOf(await readFile(join(place, file), "utf8").catch(() => ""));
        if (found.name !== name) subnets.push(...found.subnets);
      }
    }
    return subnets;
  }
}
