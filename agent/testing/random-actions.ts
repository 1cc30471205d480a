/**
 * Drives a node with random actions and faults, from a seed: what is asked of each server, and which faults come in
 * which order, is the same for the same seed; how they fall together is the machine's.
 */
import { randomInt } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { PowerAction } from "../../protocol/server-state.ts";
import type { ServerSpec } from "../../protocol/spec.ts";
import type { World } from "./agent-process.ts";
import { waitUntil } from "./wait-until.ts";

/** A lost link loses answers; nobody waits long for one. */
const ANSWER_PATIENCE_MS = 1_500;
const PAUSE_MAX_MS = 40;
const FAULT_PAUSE_MAX_MS = 900;
const PANEL_AWAY_MAX_MS = 400;
/** The longest that any deadline of these servers lets a state last, on a busy machine. */
const REST_DEADLINE_MS = 90_000;
const RESTING = ["stopped", "crashed", "error", "suspended", "running"];

/** Changes are judged by the same numbers, whosever turn it is; who runs a test by hand gets new ones each time. */
const CI_SEED = 1;

/** The seed of this run, or one to be printed. */
export function seedOf(given: string | undefined): number {
  if (given) return Number(given);
  return process.env.CI ? CI_SEED : randomInt(2 ** 31);
}

/** Mulberry32: small, and the same everywhere. */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

type Action = (slot: Slot) => Promise<unknown>;

/** A fault besides those that every node meets. */
export interface OwnFault {
  name: string;
  /** It comes in each so-manieth place among the faults. */
  every: number;
  make(random: () => number, specs: readonly ServerSpec[]): Promise<void>;
}

interface Slot {
  number: number;
  incarnation: number;
  spec: ServerSpec;
  random: () => number;
}

export interface RandomOptions {
  world: World;
  seed: number;
  actions: number;
  faults: number;
  servers: number;
  /** @param id of the server, a new one each time. @param slot which of the servers it is, or follows. */
  makeSpec(id: string, slot: number): ServerSpec;
  ownFaults?: OwnFault[];
  faultPauseMaxMs?: number;
}

interface LocalStats {
  appliedGeneration: number;
  servers: { serverId: string; state: string }[];
}

const idOf = (slotNumber: number, incarnation: number) => `random-${slotNumber}-${incarnation}`;

export class RandomActions {
  readonly #options: RandomOptions;
  readonly #slots: Slot[];
  readonly counts = new Map<string, number>();
  #left: number;

  constructor(options: RandomOptions) {
    this.#options = options;
    this.#left = options.actions;
    this.#slots = Array.from({ length: options.servers }, (_, number) => ({
      number,
      incarnation: 0,
      spec: options.makeSpec(idOf(number, 0), number),
      random: randomFrom(options.seed + number + 1),
    }));
  }

  get specs(): ServerSpec[] {
    return this.#slots.map(({ spec }) => spec);
  }

  /** Every server that there was, also those that were replaced. */
  get serverIds(): string[] {
    return this.#slots.flatMap(({ number, incarnation }) =>
      Array.from({ length: incarnation + 1 }, (_, each) => idOf(number, each)),
    );
  }

  /** Resolves when every action is done; the last faults may still be felt. */
  async run(): Promise<void> {
    const { world, seed } = this.#options;
    this.#tellSpec();
    world.agent.start();
    await world.plane.connected();
    const random = randomFrom(seed);
    await Promise.all([this.#makeFaults(random), ...this.#slots.map((slot) => this.#drive(slot))]);
    world.plane.isRefusing = false;
  }

  /** The agent's own figures, as a local tool gets them. */
  async localStats(): Promise<LocalStats> {
    const port = readFileSync(join(this.#options.world.agent.dataDir, "stats-port"), "utf8").trim();
    return (await fetch(`http://127.0.0.1:${port}/stats`)).json() as Promise<LocalStats>;
  }

  /** Waits until the newest spec is applied and no server is on its way to anywhere. */
  async settle(): Promise<Map<string, string>> {
    const { plane } = this.#options.world;
    let words = "";
    const look = async () => {
      const stats = await this.localStats().catch(() => null);
      const isOnWay = stats?.servers.some(({ state }) => !RESTING.includes(state)) ?? true;
      words = JSON.stringify(stats?.servers.map(({ serverId, state }) => `${serverId} ${state}`));
      const isApplied = stats?.appliedGeneration === plane.spec.generation;
      const isTold = stats?.servers.every(({ serverId, state }) => plane.lastEvent(serverId)?.state === state);
      const isWhole = stats?.servers.length === this.#slots.length;
      return isApplied && !isOnWay && isTold && isWhole && new Map(stats.servers.map((s) => [s.serverId, s.state]));
    };
    return waitUntil("every server to be at rest", look, REST_DEADLINE_MS).catch((error) => {
      throw new Error(`${error.message}: ${words}, seed ${this.#options.seed}`);
    });
  }

  async change(slotNumber: number, change: Partial<ServerSpec>): Promise<void> {
    const slot = this.#slots[slotNumber]!;
    this.#edit(slot, change);
  }

  async power(serverId: string, action: PowerAction, commandId: string) {
    const { plane } = this.#options.world;
    const issuedAt = Date.now();
    const operation = { op: "power" as const, serverId, action, commandId, issuedAt };
    const answer = await Promise.race([plane.request(operation).catch(() => null), delay(ANSWER_PATIENCE_MS, null)]);
    // As the Worker does it: what was accepted is what the spec says from now on, without a new generation.
    const slot = this.#slots.find(({ spec }) => spec.id === serverId);
    if (answer?.ok && slot && issuedAt > slot.spec.desiredPowerAt) {
      const desiredPower = action === "start" || action === "restart" ? ("running" as const) : ("stopped" as const);
      slot.spec = { ...slot.spec, desiredPower, desiredPowerAt: issuedAt };
      plane.spec = { ...plane.spec, servers: this.specs };
    }
    return answer;
  }

  async #drive(slot: Slot): Promise<void> {
    while (this.#left-- > 0) {
      const [name, action] = this.#choose(slot);
      this.#count(name);
      await action(slot);
      await delay(slot.random() * PAUSE_MAX_MS);
    }
  }

  #count(name: string): void {
    this.counts.set(name, (this.counts.get(name) ?? 0) + 1);
  }

  #choose({ random }: Slot): [string, Action] {
    const weighed: [number, string, Action][] = [
      [20, "start", this.#powerAction("start")],
      [14, "stop", this.#powerAction("stop")],
      [12, "restart", this.#powerAction("restart")],
      [12, "kill", this.#powerAction("kill")],
      [12, "exit 42", this.#type("exit 42")],
      [6, "exit 0", this.#type("exit 0")],
      [6, "a line", this.#type("hello")],
      [5, "edit", async (slot) => this.#edit(slot, { environment: { EDIT: `${slot.random()}` } })],
      [4, "policy", async (slot) => this.#edit(slot, { restartPolicy: POLICIES[Math.floor(slot.random() * 3)]! })],
      [2, "forgive", async (slot) => this.#edit(slot, { crashResetAt: Date.now() })],
      [3, "reinstall", async (slot) => this.#edit(slot, { installGeneration: slot.spec.installGeneration + 1 })],
      [4, "suspend or not", async (slot) => this.#edit(slot, { suspended: !slot.spec.suspended })],
      [2, "delete and make another", async (slot) => this.#replace(slot)],
    ];
    let at = random() * weighed.reduce((sum, [weight]) => sum + weight, 0);
    for (const [weight, name, action] of weighed) {
      at -= weight;
      if (at < 0) return [name, action];
    }
    throw new Error("the weights do not add up");
  }

  #powerAction(action: PowerAction): Action {
    return (slot) => this.power(slot.spec.id, action, `${slot.number}-${action}-${slot.random()}`.slice(0, 60));
  }

  #type(data: string): Action {
    return ({ spec }) => {
      const operation = { op: "console_input" as const, serverId: spec.id, data };
      const answer = this.#options.world.plane.request(operation).catch(() => null);
      return Promise.race([answer, delay(ANSWER_PATIENCE_MS)]);
    };
  }

  #edit(slot: Slot, change: Partial<ServerSpec>): void {
    slot.spec = { ...slot.spec, ...change, version: slot.spec.version + 1 };
    this.#tellSpec();
  }

  #replace(slot: Slot): void {
    slot.spec = this.#options.makeSpec(idOf(slot.number, ++slot.incarnation), slot.number);
    this.#tellSpec();
  }

  #tellSpec(): void {
    this.#options.world.plane.setServers(...this.specs);
  }

  async #makeFaults(random: () => number): Promise<void> {
    const { world, faults, ownFaults = [], faultPauseMaxMs = FAULT_PAUSE_MAX_MS } = this.#options;
    for (let fault = 1; fault <= faults && this.#left > 0; fault++) {
      await delay(random() * faultPauseMaxMs);
      const kind = random();
      const own = ownFaults.find(({ every }) => fault % every === 0);
      if (own) {
        this.#count(own.name);
        await own.make(random, this.specs);
      } else if (kind < 0.4) {
        this.#count("agent killed");
        await world.agent.end("SIGKILL");
        world.agent.start();
      } else if (kind < 0.75) {
        this.#count("link dropped");
        world.plane.drop();
      } else {
        this.#count("panel away");
        world.plane.isRefusing = true;
        world.plane.drop();
        await delay(random() * PANEL_AWAY_MAX_MS);
        world.plane.isRefusing = false;
      }
    }
  }
}

const POLICIES = ["always", "on-failure", "never"] as const;
