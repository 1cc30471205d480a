/**
 * Makes the node's servers what the spec says. Level-triggered: only generations are compared, a lost hint costs
 * nothing, and applying the same spec twice changes nothing.
 */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { idSchema } from "../../protocol/ids.ts";
import type { NodeSpec, ServerSpec } from "../../protocol/spec.ts";
import type { ConsoleLogs } from "../console/console-logs.ts";
import { makeServerFolders, serverPaths } from "../console/server-paths.ts";
import { backoffMs } from "../link/backoff.ts";
import { type ActorServices, ServerActor } from "../power/server-actor.ts";
import type { RuntimeStatus } from "../runtime/container-runtime.ts";
import { emptyTrash, keepData, removeData } from "./remove-data.ts";
import { readStoredSpec, storeSpec } from "./spec-store.ts";

const CATCH_UP_PATIENCE_MS = 3_000;
const RETRY = { firstMs: 500, maxMs: 60_000 };

export interface ReconcilerOptions {
  dataDir: string;
  /** Of the node that this agent is now. */
  nodeId: string;
  services: ActorServices;
  consoles: ConsoleLogs;
  pull(known: ReadonlyMap<string, ServerSpec>): Promise<NodeSpec>;
}

export class Reconciler {
  readonly #options: ReconcilerOptions;
  readonly #actors = new Map<string, ServerActor>();
  #appliedGeneration = 0;
  /** What the control plane last said; null when it has not spoken yet. */
  #wantedGeneration: number | null = null;
  #storedNodeId: string | null = null;
  /** Whether a spec of this life of the agent was held against what the runtime has. */
  #isRuntimeSwept = false;
  #isCatchingUp = false;
  #catchingUp: Promise<void> = Promise.resolve();
  /** The pull under way, shared by all who need one. */
  #pull: Promise<number> | null = null;
  #attempt = 0;
  #retry: NodeJS.Timeout | null = null;
  #isClosed = false;

  constructor(options: ReconcilerOptions) {
    this.#options = options;
  }

  get appliedGeneration(): number {
    return this.#appliedGeneration;
  }

  actor(serverId: string): ServerActor | null {
    return this.#actors.get(serverId) ?? null;
  }

  /**
   * A server by its id. One that this node does not know yet is looked for in the panel's present spec first, because
   * a request for a new server may overtake the hint that it was made.
   */
  async find(serverId: string): Promise<ServerActor | null> {
    // A pull that began earlier may miss it, so that one is waited for and another made.
    if (!this.#actors.has(serverId)) await this.#pull?.catch(() => {});
    if (!this.#actors.has(serverId)) {
      await this.#pullOnce().catch((error) => this.#options.services.log.warn({ err: error }, "no spec now"));
    }
    return this.actor(serverId);
  }

  actors(): ServerActor[] {
    return [...this.#actors.values()];
  }

  /** Takes up where the last run of the agent ended, from disk alone. */
  async recover(): Promise<void> {
    const { dataDir, services } = this.#options;
    await emptyTrash(dataDir);
    const spec = await readStoredSpec(dataDir, services.log);
    if (!spec) return;
    this.#storedNodeId = spec.nodeId;
    await this.#follow(spec);
    // Before the look at what runs: what ends from that look on is told to actors, which must be there by then.
    await Promise.all(spec.servers.map((server) => this.#settleDisk(server, false)));
    const found = new Map((await services.runtime.list()).map((status) => [status.serverId, status]));
    await Promise.all(spec.servers.map((server) => this.#add(server, found.get(server.id) ?? null)));
    // A removal that the last run did not finish; a generation that may be old settles nothing.
    try {
      if (spec.generation > 0) await this.#removeAllBut(spec, await this.#idsInFolder(), false);
      // What only the runtime knows is not judged by a spec from disk: the panel's present one is asked for.
      const hasUnknown = [...found.keys()].some((serverId) => !this.#actors.has(serverId));
      // The generations of another node, whose place this one has taken, say nothing.
      const isOwn = spec.nodeId === this.#options.nodeId;
      this.#appliedGeneration = isOwn && !hasUnknown ? spec.generation : 0;
    } catch (error) {
      services.log.warn({ err: error }, "some servers cannot be removed now");
    }
  }

  /** The control plane's generation; a different one than the applied is fetched, now or as soon as it can be. */
  want(generation: number): void {
    this.#wantedGeneration = generation;
    this.#attempt = 0;
    if (this.#retry) clearTimeout(this.#retry);
    this.#retry = null;
    this.#beginCatchUp();
  }

  /**
   * Resolves when the newest spec that this node heard of is applied, so that what is asked next is done by it: a hint
   * always comes before what the same person asks after it. A panel that cannot be read now stops nobody for long.
   */
  async caughtUp(): Promise<void> {
    if (!this.#isCatchingUp) return;
    await Promise.race([this.#catchingUp, delay(CATCH_UP_PATIENCE_MS, undefined, { ref: false })]);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    if (this.#retry) clearTimeout(this.#retry);
    await Promise.all(this.actors().map((actor) => actor.close()));
  }

  #beginCatchUp(): void {
    if (!this.#isCatchingUp) this.#catchingUp = this.#catchUp();
  }

  async #catchUp(): Promise<void> {
    const { log } = this.#options.services;
    if (this.#isClosed) return;
    this.#isCatchingUp = true;
    try {
      while (this.#wantedGeneration !== null && this.#wantedGeneration !== this.#appliedGeneration) {
        // Another hint may come meanwhile: the next round is for that.
        const asked = this.#wantedGeneration;
        const generation = await this.#pullOnce();
        if (this.#isClosed) return;
        // The spec may be newer than the hint, never older for long: an older one is asked for again after a while.
        if (generation < asked) throw new Error("the panel's spec is older than it says");
        if (generation > this.#wantedGeneration) this.#wantedGeneration = generation;
      }
      this.#attempt = 0;
    } catch (error) {
      if (this.#isClosed) return;
      log.warn({ err: error }, "the spec cannot be applied now");
      this.#retry = setTimeout(() => this.#beginCatchUp(), backoffMs(this.#attempt++, RETRY));
    } finally {
      this.#isCatchingUp = false;
    }
  }

  /** Fetches and applies the spec; resolves with its generation. */
  #pullOnce(): Promise<number> {
    this.#pull ??= this.#pullAndApply().finally(() => {
      this.#pull = null;
    });
    return this.#pull;
  }

  async #pullAndApply(): Promise<number> {
    const spec = await this.#options.pull(new Map(this.actors().map((actor) => [actor.spec.id, actor.spec])));
    if (!this.#isClosed) await this.#apply(spec);
    return spec.generation;
  }

  async #apply(spec: NodeSpec): Promise<void> {
    const { dataDir, services } = this.#options;
    const isOtherNode = this.#storedNodeId !== null && this.#storedNodeId !== spec.nodeId;
    // Until the other node's servers are out of the way its spec stays: they must never be taken for removed ones.
    if (isOtherNode) await this.#removeAllBut(spec, await this.#idsPresent(), true);
    await storeSpec(dataDir, spec);
    this.#storedNodeId = spec.nodeId;
    // What cannot be removed now holds nobody else up; the whole is tried again.
    const removal = await this.#sweep(spec).catch((error: unknown) => ({ error }));
    await this.#follow(spec);
    for (const server of spec.servers) {
      const actor = this.#actors.get(server.id);
      if (!actor) await this.#addNew(server);
      else if (JSON.stringify(actor.spec) !== JSON.stringify(server)) await actor.applySpec(server);
    }
    if (removal) throw removal.error;
    this.#appliedGeneration = spec.generation;
    services.log.info({ generation: spec.generation, servers: spec.servers.length }, "spec applied");
  }

  /** What servers share is mended again and again by the runtime itself, so a failure stops nothing here. */
  async #follow(spec: NodeSpec): Promise<void> {
    const { runtime, log } = this.#options.services;
    await runtime
      .follow(spec.servers)
      .catch((error) => log.warn({ err: error }, "what servers share could not be made to fit now"));
  }

  /** Removes what the panel, which has just spoken, does not know. */
  async #sweep(spec: NodeSpec): Promise<void> {
    const ids = this.#isRuntimeSwept ? await this.#idsInFolder() : await this.#idsPresent();
    await this.#removeAllBut(spec, ids, false);
    this.#isRuntimeSwept = true;
  }

  async #removeAllBut(spec: NodeSpec, ids: ReadonlySet<string>, isOtherNode: boolean): Promise<void> {
    const wanted = new Set(spec.servers.map((server) => server.id));
    const failures: unknown[] = [];
    for (const serverId of ids) {
      if (wanted.has(serverId)) continue;
      await this.#remove(serverId, isOtherNode).catch((error) => failures.push(error));
    }
    if (failures.length > 0) throw new AggregateError(failures, `${failures.length} servers cannot be removed now`);
  }

  /** Also those that are only in the runtime and carry this agent's labels: its data folder may have been lost. */
  async #idsPresent(): Promise<Set<string>> {
    const known = await this.#options.services.runtime.list();
    const ids = known.map(({ serverId }) => serverId).filter((id) => idSchema.safeParse(id).success);
    return new Set([...(await this.#idsInFolder()), ...ids]);
  }

  /** Every server of which anything is left in this data folder. */
  async #idsInFolder(): Promise<Set<string>> {
    const { dataDir, services } = this.#options;
    const folders = await readdir(join(dataDir, "servers")).catch(() => [] as string[]);
    const ids = [...this.#actors.keys(), ...services.journal.serverIds(), ...folders];
    return new Set(ids.filter((id) => idSchema.safeParse(id).success));
  }

  async #addNew(spec: ServerSpec): Promise<void> {
    const { runtime } = this.#options.services;
    const found = await runtime.inspect(spec.id);
    if (!found?.isRunning) await this.#settleDisk(spec, true);
    await this.#add(spec, found);
  }

  async #settleDisk(spec: ServerSpec, isAtRest: boolean): Promise<void> {
    const { dataDir, services } = this.#options;
    const paths = serverPaths(dataDir, spec.id);
    await makeServerFolders(paths);
    await services.disks.settle(spec, paths, isAtRest);
  }

  async #add(spec: ServerSpec, found: RuntimeStatus | null): Promise<void> {
    const { dataDir, services, consoles } = this.#options;
    const paths = serverPaths(dataDir, spec.id);
    await makeServerFolders(paths);
    const actor = new ServerActor(spec, paths, consoles.open(spec.id), services);
    this.#actors.set(spec.id, actor);
    await actor.recover(found);
  }

  async #remove(serverId: string, isOtherNodes: boolean): Promise<void> {
    const { dataDir, services, consoles } = this.#options;
    services.log.info({ serverId }, "removing a server");
    const paths = serverPaths(dataDir, serverId);
    const actor = this.#actors.get(serverId);
    if (actor) await actor.remove();
    else {
      await services.runtime.remove(serverId);
      await services.journal.remove(serverId);
    }
    this.#actors.delete(serverId);
    await consoles.forget(serverId);
    await services.disks.release(paths);
    if (isOtherNodes) {
      const kept = await keepData(dataDir, paths.root, serverId);
      services.log.warn({ serverId, kept }, "the files of another node's server are kept");
    } else {
      await removeData(dataDir, paths.root);
    }
  }
}
