/**
 * The networks that servers are in, and the ports of the node that lead to them: made when a server that needs them
 * starts, removed when none does, and guarded by the firewall all the time between.
 */
import { isIPv6 } from "node:net";
import { join } from "node:path";
import type { ServerSpec } from "../../protocol/spec.ts";
import type { Log } from "../log.ts";
import { RuntimeError } from "../runtime/container-runtime.ts";
import { type Addresses, chooseAddresses, macOf } from "./addresses.ts";
import { Firewall } from "./firewall.ts";
import type { Family, FirewallPlan, GuardedBridge } from "./firewall-rules.ts";
import { filterWithinBridge, hasIpv6 } from "./kernel.ts";
import { notedAddresses, sweepLeases } from "./leases.ts";
import { NetworkFiles, type NetworkFilesOptions } from "./network-files.ts";
import { agentKey, isPrivateRange, ownNetwork, type PlannedNetwork, plannedNetwork } from "./network-plan.ts";
import { gamePorts, portsOfPublications } from "./port-plan.ts";
import { PublishedPorts } from "./published-ports.ts";

/** The firewall is looked at this often: other programs flush it. */
const GUARD_INTERVAL_MS = 30_000;
/**
 * Lost containers keep addresses taken. Looking for them lists every container of the node (0.2 s with fifty), which no
 * start after a change shall wait for.
 */
const LEASE_SWEEP_INTERVAL_MS = 3_600_000;

export interface NetworksOptions extends Omit<NetworkFilesOptions, "key" | "leaseFolder"> {
  dataDir: string;
  /** Ports of the node that servers may reach besides DNS and servers in host mode. */
  hostPorts?: readonly number[] | undefined;
  log: Log;
  /** Ids of every container of the namespace, running or not. */
  containerIds(): Promise<Set<string>>;
}

interface KnownNetwork {
  network: PlannedNetwork;
  subnets: string[];
}

export interface JoinedNetwork {
  /** For `nerdctl run`. */
  arguments: string[];
  /** To be called when the container is there, or will not be; for an install, when it is over. */
  release(): void;
}

/** Where a start in host mode joins. */
const HOST: JoinedNetwork = { arguments: ["--net", "host"], release: () => {} };

export class Networks {
  readonly #options: NetworksOptions;
  readonly #key: string;
  readonly #leaseFolder: string;
  readonly #files: NetworkFiles;
  readonly #firewall: Firewall;
  readonly #published: PublishedPorts;
  /** One change of networks after the other. */
  #turn: Promise<unknown> = Promise.resolve();
  #families: Promise<Family[]> | null = null;
  /** By name: starts that are under way in a network that no container shows yet. */
  readonly #held = new Map<string, number>();
  /** By name: what is known of networks that a start or the spec asked for. */
  readonly #planned = new Map<string, KnownNetwork>();
  /** By server: the networks that it was put into. */
  readonly #networksOf = new Map<string, Set<string>>();
  /** Addresses of installs that are under way; nobody else remembers them. */
  readonly #ofInstalls = new Set<string>();
  #specs: readonly ServerSpec[] = [];
  #isLoaded = false;
  #isClosed = false;
  #leasesSweptAt = Number.NEGATIVE_INFINITY;
  #guard: NodeJS.Timeout | null = null;

  constructor(options: NetworksOptions) {
    this.#options = options;
    this.#key = agentKey(options.dataDir);
    const own = join(options.dataDir, "nerdctl-runtime");
    this.#leaseFolder = join(own, "addresses");
    this.#files = new NetworkFiles({ ...options, key: this.#key, leaseFolder: this.#leaseFolder });
    this.#firewall = new Firewall(options.log);
    this.#published = new PublishedPorts(join(own, "ports"), options.log);
  }

  /** Begins to look after the firewall. */
  watch(): void {
    this.#guard ??= setInterval(() => {
      void this.#inTurn(() => this.#assertFirewall()).catch(() => {});
    }, GUARD_INTERVAL_MS);
    this.#guard.unref();
  }

  /** Ports lead to their servers all the same, but are not held any more, and ends are the next agent's to act on. */
  async close(): Promise<void> {
    this.#isClosed = true;
    if (this.#guard) clearInterval(this.#guard);
    this.#guard = null;
    await this.#inTurn(() => this.#published.close()).catch(() => {});
  }

  /**
   * Makes sure that the network of a game is there and guarded, and that its ports lead to it.
   *
   * @param runId of the run that the ports are for; whoever gives the start up, also after a failure here, calls `shut`
   * @throws RuntimeError in words for the owner
   */
  joinGame(spec: ServerSpec, runId: string): Promise<JoinedNetwork> {
    const network = plannedNetwork(spec, this.#key);
    if (network === null) return Promise.resolve(HOST);
    return this.#inTurn(async () => {
      const subnets = await this.#ensure(spec.id, network);
      const poolIp = network.pool === null ? null : (spec.pool?.ip ?? null);
      // A server on the network of one of the node's interfaces has nothing but the pool's address, and publishes nothing.
      const isOnBridge = network.bridge !== null;
      const addresses = isOnBridge
        ? await this.#addressesFor(spec.id, { network, subnets }, poolIp)
        : await this.#onlyOf(network, poolIp);
      if (isOnBridge) {
        if (addresses.ipv6 === null) refuseIpv6(spec);
        await this.#published.open({ serverId: spec.id, runId, network: network.name }, addresses, spec.allocations);
      }
      await this.#assertFirewall();
      return this.#joined(network, addresses);
    });
  }

  /**
   * The same for an install, which needs the internet and nothing else: it is always in the owner's own network, and no
   * port leads to it.
   */
  joinInstall(spec: ServerSpec): Promise<JoinedNetwork> {
    const network = ownNetwork(spec, this.#key);
    return this.#inTurn(async () => {
      const subnets = await this.#ensure(spec.id, network);
      const addresses = await this.#addressesFor(null, { network, subnets }, null);
      await this.#assertFirewall();
      const joined = this.#joined(network, addresses);
      // Private networks of one node have no range in common.
      if (addresses.ipv4 !== null) this.#ofInstalls.add(addresses.ipv4);
      const release = () => {
        this.#ofInstalls.delete(addresses.ipv4 ?? "");
        joined.release();
      };
      return { ...joined, release };
    });
  }

  /** A run has ended: nothing leads to it any more. Never fails: what cannot be written now is by the next look. */
  async shut(serverId: string, runId: string): Promise<void> {
    await this.#inTurn(async () => {
      if (!this.#isClosed && (await this.#published.shut(serverId, runId))) await this.#assertFirewall();
    }).catch(() => {});
  }

  /** To be called after a look at what runs: ports lead to that alone, and are held. */
  async keepOpen(isRunning: (serverId: string, runId: string) => boolean): Promise<void> {
    await this.#inTurn(async () => {
      if (this.#isClosed) return;
      for (const { serverId, runId, isOpen } of this.#published.all) {
        if (isOpen && !isRunning(serverId, runId)) await this.#published.shut(serverId, runId);
      }
      await this.#published.holdAgain();
      await this.#assertFirewall();
    }).catch(() => {});
  }

  /** The server is gone: its networks too, if it was the last one there. */
  forget(serverId: string): Promise<void> {
    return this.#inTurn(async () => {
      const isKnown = this.#published.of(serverId) !== undefined;
      await this.#published.forget(serverId);
      const names = [...(this.#networksOf.get(serverId) ?? [])];
      this.#networksOf.delete(serverId);
      const others = new Set([...this.#networksOf.values()].flatMap((of) => [...of]));
      const unused = names.filter((name) => !others.has(name));
      for (const name of unused) await this.#remove(name);
      if (isKnown || unused.length > 0) await this.#assertFirewall();
    });
  }

  /** Takes away what none of these servers needs, and guards what they do. To be called with every new spec. */
  follow(specs: readonly ServerSpec[]): Promise<void> {
    return this.#inTurn(async () => {
      this.#specs = specs;
      const needed = new Map<string, PlannedNetwork>();
      for (const spec of specs) {
        for (const network of [ownNetwork(spec, this.#key), plannedNetwork(spec, this.#key)]) {
          if (network) needed.set(network.name, network);
        }
      }
      for (const name of await this.#files.names()) {
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

  #joined({ name }: PlannedNetwork, addresses: Addresses): JoinedNetwork {
    const { ipv4, ipv6 } = addresses;
    this.#held.set(name, (this.#held.get(name) ?? 0) + 1);
    const chosen = [ipv4 === null ? [] : ["--ip", ipv4], ipv6 === null ? [] : ["--ip6", ipv6]].flat();
    return {
      arguments: ["--net", name, ...chosen, "--mac-address", macOf(addresses)],
      release: () => {
        const left = (this.#held.get(name) ?? 1) - 1;
        if (left > 0) this.#held.set(name, left);
        else this.#held.delete(name);
      },
    };
  }

  async #ensure(serverId: string, network: PlannedNetwork): Promise<string[]> {
    const subnets = await this.#files.ensure(network, await this.#knownFamilies());
    this.#planned.set(network.name, { network, subnets });
    this.#networksOf.set(serverId, (this.#networksOf.get(serverId) ?? new Set()).add(network.name));
    return subnets;
  }

  /**
   * The address of before, or one that nobody has or had last.
   *
   * @param serverId null for an install
   */
  async #addressesFor(serverId: string | null, known: KnownNetwork, poolIp: string | null): Promise<Addresses> {
    const { name } = known.network;
    const last = serverId === null ? undefined : this.#published.of(serverId);
    const before = last?.network === name ? last.ipv4 : null;
    const noted = (await notedAddresses(join(this.#leaseFolder, name))).filter((address) => address !== before);
    const taken = new Set([...this.#published.addressesIn(name, serverId ?? ""), ...this.#ofInstalls, ...noted]);
    const addresses = chooseAddresses(known.subnets, { poolIp, before, taken });
    if (addresses === null) throw new RuntimeError("The private network of this server's owner on this node is full.");
    await this.#makeFree(name, addresses);
    return addresses;
  }

  async #onlyOf({ name }: PlannedNetwork, ip: string | null): Promise<Addresses> {
    const addresses = ip !== null && isIPv6(ip) ? { ipv4: null, ipv6: ip } : { ipv4: ip, ipv6: null };
    await this.#makeFree(name, addresses);
    return addresses;
  }

  /** A container that was lost may keep an address taken. */
  async #makeFree(network: string, { ipv4, ipv6 }: Addresses): Promise<void> {
    const folder = join(this.#leaseFolder, network);
    const noted = await notedAddresses(folder);
    if (noted.some((address) => address === ipv4 || address === ipv6))
      await sweepLeases(folder, this.#options.containerIds, true);
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
    for (const name of await this.#files.names()) {
      const known = await this.#files.read(name);
      if (known) this.#planned.set(name, known);
    }
    await this.#published.load();
    this.#isLoaded = true;
  }

  #knownFamilies(): Promise<Family[]> {
    this.#families ??= (async () => {
      const usesIpv6 = (await hasIpv6()) && (await this.#firewall.canFilter("ipv6"));
      return usesIpv6 ? ["ipv4", "ipv6"] : ["ipv4"];
    })();
    return this.#families;
  }

  async #remove(name: string): Promise<void> {
    if (this.#held.has(name)) return;
    if (await this.#files.remove(name, this.#planned.get(name)?.network.bridge)) this.#planned.delete(name);
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
    const publications = this.#published.all;
    const hostModePorts = this.#specs
      .filter(({ networkMode }) => networkMode === "host")
      .flatMap(({ allocations }) => allocations.map(({ port }) => port));
    return {
      key: this.#key,
      bridges,
      hostPorts: [...(this.#options.hostPorts ?? []), ...hostModePorts],
      publishedPorts: portsOfPublications(publications),
      gamePorts: gamePorts(this.#specs, publications),
    };
  }
}

function refuseIpv6({ allocations }: ServerSpec): void {
  const port = allocations.find(({ ip }) => isIPv6(ip))?.port;
  if (port !== undefined) throw new RuntimeError(`Port ${port} is on an IPv6 address, and the node has no IPv6.`);
}
