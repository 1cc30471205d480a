/**
 * The networks that servers are in: made when a server that needs one starts, removed when none does, and guarded by
 * the firewall all the time between.
 *
 * Nothing of it is remembered but what is on the machine: the network files of this agent (by name), the bridges, the
 * notes of addresses. So an agent that comes back, or a machine that does, goes on from there.
 */
import { readdir, readFile, rm } from "node:fs/promises";
import { isIPv6 } from "node:net";
import { join } from "node:path";
import type { ServerSpec } from "../../protocol/spec.ts";
import type { Log } from "../log.ts";
import { writeFileAtomic } from "../records/atomic-file.ts";
import { RuntimeError } from "../runtime/container-runtime.ts";
import { conflist, readConflist, type Subnet, subnetsOf } from "./conflist.ts";
import { Firewall } from "./firewall.ts";
import type { Family, FirewallPlan, GuardedBridge } from "./firewall-rules.ts";
import { freeIpv4Subnet, PRIVATE_RANGE_DEFAULT, uniqueIpv6Subnet } from "./free-subnet.ts";
import {
  deleteInterface,
  filterWithinBridge,
  hasInterface,
  hasIpv6,
  keepRouterAdvertisements,
  portsOf,
  routedRanges,
} from "./kernel.ts";
import { sweepLeases } from "./leases.ts";
import { netconfFolder } from "./netconf-folder.ts";
import {
  agentKey,
  isPrivateRange,
  joinArguments,
  networkNamePrefix,
  ownNetwork,
  type PlannedNetwork,
  plannedNetwork,
} from "./network-plan.ts";

/** The firewall is looked at this often: other programs flush it. */
const GUARD_INTERVAL_MS = 30_000;
/**
 * Lost containers keep private addresses taken, of which a network has hundreds. Looking for them lists every container
 * of the node (0.2 s with fifty), which no start after a change shall wait for.
 */
const LEASE_SWEEP_INTERVAL_MS = 3_600_000;
const FILE_MODE = 0o644;

export interface NetworksOptions {
  nodeId: string;
  dataDir: string;
  namespace: string;
  netconfPath?: string | undefined;
  /** Where private networks are made, in CIDR notation. */
  privateRange?: string | undefined;
  /** Ports of the node that servers may reach besides DNS and servers in host mode. */
  hostPorts?: readonly number[] | undefined;
  log: Log;
  /** Ids of every container of the namespace, running or not. */
  containerIds(): Promise<Set<string>>;
  /** Removes a CNI network; false while a container is in it. */
  removeNetwork(name: string): Promise<boolean>;
}

interface KnownNetwork {
  network: PlannedNetwork;
  subnets: string[];
}

export interface JoinedNetwork {
  /** For `nerdctl run`, ports not included. */
  arguments: string[];
  /** Whether ports can be published at all, and on IPv6 addresses. */
  publishes: "both" | "ipv4" | "nothing";
  /** To be called when the container is there, or will not be. */
  release(): void;
}

/** Where a start in host mode, or one without any network of Catalyst, joins. */
const HOST: JoinedNetwork = { arguments: ["--net", "host"], publishes: "nothing", release: () => {} };

export class Networks {
  readonly #options: NetworksOptions;
  readonly #key: string;
  readonly #leaseFolder: string;
  readonly #firewall: Firewall;
  /** One change of networks after the other. */
  #turn: Promise<unknown> = Promise.resolve();
  #families: Promise<Family[]> | null = null;
  #folder: Promise<string> | null = null;
  /** By name: starts that are under way in a network that no container shows yet. */
  readonly #held = new Map<string, number>();
  /** By name: what is known of networks that a start or the spec asked for. */
  readonly #planned = new Map<string, KnownNetwork>();
  /** By server: the networks that it was put into. */
  readonly #networksOf = new Map<string, Set<string>>();
  #hostModePorts: number[] = [];
  #isLoaded = false;
  #leasesSweptAt = Number.NEGATIVE_INFINITY;
  #guard: NodeJS.Timeout | null = null;

  constructor(options: NetworksOptions) {
    this.#options = options;
    this.#key = agentKey(options.dataDir);
    this.#leaseFolder = join(options.dataDir, "nerdctl-runtime", "addresses");
    this.#firewall = new Firewall(options.log);
  }

  /** Begins to look after the firewall. */
  watch(): void {
    this.#guard ??= setInterval(() => {
      void this.#inTurn(() => this.#assertFirewall()).catch(() => {});
    }, GUARD_INTERVAL_MS);
    this.#guard.unref();
  }

  close(): void {
    if (this.#guard) clearInterval(this.#guard);
    this.#guard = null;
  }

  /**
   * Makes sure that the network of a server is there and guarded.
   *
   * @param purpose an install needs the internet and nothing else: it is always in the owner's own network.
   * @throws RuntimeError in words for the owner
   */
  join(spec: ServerSpec, purpose: "game" | "install"): Promise<JoinedNetwork> {
    const network = purpose === "install" ? ownNetwork(spec, this.#key) : plannedNetwork(spec, this.#key);
    if (network === null) return Promise.resolve(HOST);
    return this.#inTurn(async () => {
      const subnets = await this.#ensure(network);
      this.#planned.set(network.name, { network, subnets });
      await this.#assertFirewall();
      this.#networksOf.set(spec.id, (this.#networksOf.get(spec.id) ?? new Set()).add(network.name));
      this.#held.set(network.name, (this.#held.get(network.name) ?? 0) + 1);
      const families = await this.#knownFamilies();
      const ipv6 = families.includes("ipv6") ? ("both" as const) : ("ipv4" as const);
      return {
        arguments: joinArguments(network, network.pool === null ? null : spec.pool),
        publishes: network.bridge === null ? "nothing" : ipv6,
        release: () => {
          const left = (this.#held.get(network.name) ?? 1) - 1;
          if (left > 0) this.#held.set(network.name, left);
          else this.#held.delete(network.name);
        },
      };
    });
  }

  /** The server is gone: its networks too, if it was the last one there. */
  forget(serverId: string): Promise<void> {
    return this.#inTurn(async () => {
      const names = [...(this.#networksOf.get(serverId) ?? [])];
      this.#networksOf.delete(serverId);
      const others = new Set([...this.#networksOf.values()].flatMap((of) => [...of]));
      const unused = names.filter((name) => !others.has(name));
      for (const name of unused) await this.#remove(name);
      if (unused.length > 0) await this.#assertFirewall();
    });
  }

  /** Takes away what none of these servers needs, and guards what they do. To be called with every new spec. */
  follow(specs: readonly ServerSpec[]): Promise<void> {
    return this.#inTurn(async () => {
      this.#hostModePorts = specs
        .filter(({ networkMode }) => networkMode === "host")
        .flatMap(({ allocations }) => allocations.map(({ port }) => port));
      const needed = new Map<string, PlannedNetwork>();
      for (const spec of specs) {
        for (const network of [ownNetwork(spec, this.#key), plannedNetwork(spec, this.#key)]) {
          if (network) needed.set(network.name, network);
        }
      }
      const present = await this.#presentNames();
      for (const name of present) {
        const network = needed.get(name);
        if (!network) await this.#remove(name);
        else {
          this.#planned.set(name, { network, subnets: this.#planned.get(name)?.subnets ?? [] });
          if (network.bridge && network.pool?.isIsolated) await filterWithinBridge(network.bridge);
        }
      }
      await this.#sweepLeases();
      await this.#assertFirewall();
    });
  }

  async #sweepLeases(): Promise<void> {
    if (performance.now() - this.#leasesSweptAt < LEASE_SWEEP_INTERVAL_MS) return;
    await sweepLeases(this.#leaseFolder, this.#options.containerIds);
    this.#leasesSweptAt = performance.now();
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(async () => {
      await this.#loadOnce();
      return await work();
    });
    this.#turn = turn.catch((error) => this.#options.log.warn({ err: error }, "networks could not be changed"));
    return turn;
  }

  /** What an earlier agent made is guarded from the first moment on. */
  async #loadOnce(): Promise<void> {
    if (this.#isLoaded) return;
    for (const name of await this.#presentNames()) {
      const text = await readFile(await this.#file(name), "utf8").catch(() => "");
      const known = readConflist(text);
      if (known) this.#planned.set(name, { network: known.network, subnets: subnetsOf(text).subnets });
    }
    this.#isLoaded = true;
  }

  #knownFamilies(): Promise<Family[]> {
    this.#families ??= (async () => {
      const usesIpv6 = (await hasIpv6()) && (await this.#firewall.canFilter("ipv6"));
      return usesIpv6 ? ["ipv4", "ipv6"] : ["ipv4"];
    })();
    return this.#families;
  }

  #netconf(): Promise<string> {
    this.#folder ??= netconfFolder(this.#options.netconfPath, this.#options.namespace);
    return this.#folder;
  }

  #file = async (name: string) => join(await this.#netconf(), `nerdctl-${name}.conflist`);

  /** Names of this agent's networks that are on the machine. */
  async #presentNames(): Promise<string[]> {
    const prefix = `nerdctl-${networkNamePrefix(this.#key)}`;
    const files = await readdir(await this.#netconf()).catch(() => []);
    return files
      .filter((file) => file.startsWith(prefix) && file.endsWith(".conflist"))
      .map((file) => file.slice("nerdctl-".length, -".conflist".length));
  }

  /** @returns the ranges of the network as it is, which may be those of before while it is in use */
  async #ensure(network: PlannedNetwork): Promise<string[]> {
    const { name, bridge, pool } = network;
    if (pool?.parent && !hasInterface(pool.parent)) {
      throw new RuntimeError(`The node has no network interface ${pool.parent}, which this server's pool hangs on.`);
    }
    const families = await this.#knownFamilies();
    if (families.includes("ipv6")) await keepRouterAdvertisements(this.#options.log);
    else if (pool && isIPv6(pool.gateway))
      throw new RuntimeError("The node has no IPv6, which this server's pool needs.");
    const file = await this.#file(name);
    const before = await readFile(file, "utf8").catch(() => null);
    const subnets = await this.#subnetsFor(network, families, before);
    const setting = { nodeId: this.#options.nodeId, leaseFolder: this.#leaseFolder };
    const wanted = conflist(network, subnets, setting);
    const known = before === null ? null : readConflist(before);
    if (JSON.stringify(known?.plugins) !== JSON.stringify(wanted.plugins)) {
      // A bridge in use cannot be given another range or gateway: servers that are in it keep it until they stop.
      const isInUse = known !== null && bridge !== null && (await portsOf(bridge)).length > 0;
      if (isInUse) this.#options.log.info({ network: name }, "a network is changed when nobody uses it");
      else {
        if (bridge !== null) await deleteInterface(bridge);
        await writeFileAtomic(file, `${JSON.stringify(wanted, null, 1)}\n`, FILE_MODE);
      }
    }
    if (bridge !== null && pool?.isIsolated) await filterWithinBridge(bridge);
    // A private address is any free one: only a pool's is asked for by its number.
    if (pool !== null) await sweepLeases(join(this.#leaseFolder, name), this.#options.containerIds, true);
    return subnetsOf(await readFile(file, "utf8")).subnets;
  }

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

  async #remove(name: string): Promise<void> {
    if (this.#held.has(name)) return;
    const file = await this.#file(name);
    const text = await readFile(file, "utf8").catch(() => null);
    const bridge = readConflist(text ?? "")?.network.bridge ?? this.#planned.get(name)?.network.bridge;
    // Before its file, without which a later agent would not know whose bridge it is. The next start makes it anew.
    if (bridge && (await portsOf(bridge)).length === 0) await deleteInterface(bridge);
    if (text !== null && !(await this.#options.removeNetwork(name))) return;
    this.#planned.delete(name);
    if (bridge) await deleteInterface(bridge);
    await rm(file, { force: true });
    await rm(join(this.#leaseFolder, name), { recursive: true, force: true });
    this.#options.log.info({ network: name }, "a network was removed");
  }

  async #assertFirewall(): Promise<void> {
    const plan = this.#firewallPlan();
    const families = await this.#knownFamilies();
    if (plan.bridges.length > 0) await this.#firewall.assert(plan, families);
    else await this.#firewall.remove(plan, families);
  }

  #firewallPlan(): FirewallPlan {
    const bridges = [...this.#planned.values()].flatMap(({ network: { bridge, pool }, subnets }): GuardedBridge[] => {
      if (bridge === null) return [];
      const isRouted = pool !== null && !isPrivateRange(pool.cidr);
      return [{ bridge, isPool: pool !== null, isRouted, isIsolated: pool?.isIsolated ?? false, subnets }];
    });
    return { key: this.#key, bridges, hostPorts: [...(this.#options.hostPorts ?? []), ...this.#hostModePorts] };
  }
}
