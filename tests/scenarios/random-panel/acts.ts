/** The things that a person does with servers of their own, and some that they may not do. */
import { CLOSE } from "../../../protocol/close-codes.ts";
import type { Actor } from "./actor.ts";
import { oneOf, type Random } from "./choice.ts";
import { typeOverSocket } from "./console-line.ts";
import { INTRUDED } from "./garbage.ts";
import type { KnownServer } from "./known-servers.ts";
import type { Wish } from "./wish.ts";

const SUB_USER_PERMISSIONS = ["server.read", "server.start", "server.stop", "console.read", "console.write"];
const SERVERS_MAX = 9;
const SERVERS_OF_ONE_MAX = 4;
/** A request on an idle machine takes half as long. */
const LEAVES_WITHIN_MS = 60;
const LEFT = ["create", "delete", "edit", "start", "stop", "restart", "kill", "reset"] as const;

type Leaving = Pick<Wish, "leavesAfterMs">;

interface Created {
  id: string;
  ownerId: string;
}

export class Acts {
  readonly #actor: Actor;
  readonly #random: Random;
  /** Ids of those that an administrator makes servers for, or a member shares with. */
  readonly #others: string[];
  readonly #templateId: string;
  mode = "active";
  #lines = 0;

  constructor(actor: Actor, random: Random, others: string[], templateId: string) {
    this.#actor = actor;
    this.#random = random;
    this.#others = others;
    this.#templateId = templateId;
  }

  /** Asks for something, and closes the page before the answer is there. */
  leave(server: KnownServer): Promise<unknown> {
    const leaving = { leavesAfterMs: Math.floor(this.#random() * LEAVES_WITHIN_MS) };
    const name = oneOf(this.#random, LEFT);
    if (name === "create") return this.create(leaving);
    if (name === "delete") return this.delete(server, leaving);
    if (name === "edit") return this.edit(server.id, leaving);
    return this.#actor.ask({ name, serverId: server.id, ...leaving });
  }

  async create(leaving: Leaving = {}): Promise<void> {
    if (this.#isFull()) return void (await this.#actor.ask({ name: "list" }));
    this.#made((await this.#actor.ask<Created>({ name: "create", body: this.#newServer(), ...leaving })).data);
  }

  async createTwice(): Promise<void> {
    if (this.#isFull()) return void (await this.#actor.ask({ name: "list" }));
    const wish = { name: "create", body: this.#newServer() } as const;
    this.#made((await this.#actor.askTwice<Created>(wish, this.#random() < 0.5)).data);
  }

  #made(server: Created | null): void {
    if (server) this.#actor.place.servers.add(server.id, server.ownerId);
  }

  #isFull(): boolean {
    const { servers } = this.#actor.place;
    const { id, isAdmin } = this.#actor.person;
    return servers.live.length >= SERVERS_MAX || (!isAdmin && servers.ownedBy(id).length >= SERVERS_OF_ONE_MAX);
  }

  #newServer(): Record<string, unknown> {
    const { person, place } = this.#actor;
    const random = this.#random;
    return {
      name: `${person.name}'s ${place.ledger.entries.length + 1}`,
      templateId: this.#templateId,
      nodeId: place.nodeId,
      ...{ allocatedMemoryMb: 64, allocatedCpuCores: 0.25, allocatedDiskMb: 64 },
      startAfterInstall: random() < 0.5,
      restartPolicy: oneOf(random, ["always", "on-failure", "never"]),
      environment: { GREETING: `hello ${Math.floor(random() * 1_000)}` },
      ...(person.isAdmin ? { ownerId: oneOf(random, this.#others) } : {}),
    };
  }

  async delete(server: KnownServer, leaving: Leaving = {}): Promise<void> {
    server.mayBeGone = true;
    const { outcome } = await this.#actor.ask({ name: "delete", serverId: server.id, ...leaving });
    if (outcome !== "refused") this.#actor.place.servers.remove(server.id);
  }

  /** The description names the change, so that a change that was lost can be told. */
  edit(serverId: string, leaving: Leaving = {}): Promise<unknown> {
    const random = this.#random;
    const body = {
      description: `change ${this.#actor.place.ledger.entries.length + 1}`,
      ...(random() < 0.4 ? { allocatedMemoryMb: 48 + Math.floor(random() * 32) } : {}),
      ...(random() < 0.3 ? { allocatedCpuCores: 0.25 + Math.floor(random() * 4) / 16 } : {}),
      ...(random() < 0.5 ? { environment: { GREETING: `changed ${Math.floor(random() * 1_000)}` } } : {}),
      ...(random() < 0.3 ? { stopTimeoutSeconds: 1 + Math.floor(random() * 3) } : {}),
    };
    return this.#actor.ask({ name: "edit", serverId, body, ...leaving });
  }

  policy(serverId: string): Promise<unknown> {
    const policy = oneOf(this.#random, ["always", "on-failure", "never"]);
    const maxCrashes = 2 + Math.floor(this.#random() * 3);
    return this.#actor.ask({ name: "policy", serverId, body: { policy, maxCrashes } });
  }

  async share(): Promise<void> {
    const { person, place } = this.#actor;
    const own = place.servers.ownedBy(person.id);
    if (own.length === 0) return void (await this.create());
    const server = oneOf(this.#random, own);
    const userId = oneOf(this.#random, this.#others);
    // Before it is asked for: it may hold although its answer is lost.
    server.mayBeSharedWith.add(userId);
    const body = { userId, permissions: SUB_USER_PERMISSIONS };
    const { outcome } = await this.#actor.ask({ name: "share", serverId: server.id, body });
    if (outcome === "accepted") server.sharedWith.add(userId);
  }

  suspend(server: KnownServer): Promise<unknown> {
    server.mayBeSuspended = true;
    return this.#actor.ask({ name: "suspend", serverId: server.id, body: { reason: "at random" } });
  }

  setMode(): Promise<unknown> {
    this.mode = this.mode === "active" ? oneOf(this.#random, ["draining", "maintenance"]) : "active";
    return this.#actor.ask({ name: "mode", body: { mode: this.mode } });
  }

  word(): string {
    return `${this.#actor.person.name}-line-${++this.#lines}`;
  }

  command(serverId: string, command: string): Promise<unknown> {
    return this.#actor.ask({ name: "command", serverId, body: { command }, what: `command ${command}` });
  }

  async typeOverSocket(serverId: string, line: string): Promise<void> {
    await this.#overSocket(serverId, line, "line");
  }

  /** A line for a server that is not theirs never gets as far as its socket. */
  async intrude(serverId: string): Promise<void> {
    const { entry, closeCode, isSent } = await this.#overSocket(serverId, INTRUDED, "foreign line");
    const isRefused = closeCode === CLOSE.NO_SUCH_SERVER || closeCode === CLOSE.FORBIDDEN;
    // An edge that is away lets nobody in, and has no word for it.
    const isAway = closeCode === 1006 || closeCode === CLOSE.RESTART || closeCode === null;
    if (isSent || !(isRefused || isAway))
      this.#actor.place.ledger.violated(entry, `let in, or closed with ${closeCode}`);
  }

  async #overSocket(serverId: string, line: string, what: string) {
    const { ledger } = this.#actor.place;
    const { name: actor, id: actorId } = this.#actor.person;
    const fields = { actor, actorId, serverId, what: `${what} ${line}`, name: "line", hasKey: false } as const;
    const entry = ledger.begin(fields);
    const typed = await typeOverSocket(this.#actor, serverId, line);
    entry.answers.push(typed.isSent ? "sent" : `closed ${typed.closeCode}`);
    ledger.end(entry, typed.isSent ? "unknown" : "refused");
    for (const fault of typed.faults) ledger.violated(entry, fault);
    return { ...typed, entry };
  }
}
