/** One actor's random use of the panel: what comes next is the seed's, how it falls together with others the machine's. */

import type { Actor } from "./actor.ts";
import { Acts } from "./acts.ts";
import { oneOf, type Random, weighed } from "./choice.ts";
import { beyondGrant, foreign, malformed } from "./garbage.ts";
import type { KnownServer } from "./known-servers.ts";
import type { Wish } from "./wish.ts";

type Act = () => Promise<unknown>;
type Weighed = readonly [weight: number, act: Act];

export class RandomUser {
  readonly #actor: Actor;
  readonly #random: Random;
  readonly #acts: Acts;

  /** @param others ids of those that an administrator makes servers for, or a member shares with */
  constructor(actor: Actor, random: Random, others: string[], templateId: string) {
    this.#actor = actor;
    this.#random = random;
    this.#acts = new Acts(actor, random, others, templateId);
  }

  act(): Promise<unknown> {
    const { servers } = this.#actor.place;
    const { id: userId, isAdmin } = this.#actor.person;
    const own = isAdmin ? servers.live : servers.ownedBy(userId);
    if (own.length === 0) return this.#acts.create();
    const server = oneOf(this.#random, own);
    return weighed(this.#random, [...this.#onOwn(server), ...(isAdmin ? this.#asAdmin() : this.#asMember())])();
  }

  #onOwn(server: KnownServer): Weighed[] {
    const { id: serverId } = server;
    const actor = this.#actor;
    const random = this.#random;
    const ask = (wish: Omit<Wish, "serverId">) => () => actor.ask({ ...wish, serverId });
    return [
      [7, () => this.#acts.create()],
      [4, () => this.#acts.delete(server)],
      [18, ask({ name: "start" })],
      [9, ask({ name: "stop" })],
      [9, ask({ name: "restart" })],
      [6, ask({ name: "kill" })],
      [12, () => this.#acts.typeOverSocket(serverId, random() < 0.7 ? this.#acts.word() : this.#anEnd())],
      [4, () => this.#acts.command(serverId, random() < 0.6 ? this.#acts.word() : "exit 42")],
      [9, () => this.#acts.edit(serverId)],
      [4, () => this.#acts.policy(serverId)],
      [3, ask({ name: "reset" })],
      [4, ask({ name: "reinstall", body: { wipe: random() < 0.3 } })],
      [3, () => actor.askTwice({ name: oneOf(random, ["start", "restart", "stop"]), serverId }, random() < 0.5)],
      [2, () => actor.askTwice({ name: "reset", serverId }, random() < 0.5)],
      [2, () => this.#acts.createTwice()],
      [10, () => this.#acts.leave(server)],
      [5, () => actor.ask(malformed(random, serverId))],
      [4, ask({ name: oneOf(random, ["view", "list", "logs", "crashes", "activity"]) })],
    ];
  }

  /** A line that ends the game, as a crash or not. */
  #anEnd(): string {
    return oneOf(this.#random, ["exit 42", "exit 0"]);
  }

  #asMember(): Weighed[] {
    const { servers } = this.#actor.place;
    const { id: userId } = this.#actor.person;
    const random = this.#random;
    const strange = servers.strangeTo(userId);
    const shared = servers.sharedWith(userId);
    const acts: Weighed[] = [[4, () => this.#acts.share()]];
    if (strange.length > 0) {
      const { id, ownerId } = oneOf(random, strange);
      acts.push([6, () => this.#actor.ask(foreign(random, id, ownerId))], [2, () => this.#acts.intrude(id)]);
    }
    if (shared.length > 0) {
      const { id: serverId } = oneOf(random, shared);
      acts.push(
        [6, () => this.#actor.ask({ name: oneOf(random, ["start", "stop", "view"]), serverId })],
        [2, () => this.#acts.typeOverSocket(serverId, this.#acts.word())],
        [4, () => this.#actor.ask(beyondGrant(random, serverId))],
      );
    }
    return acts;
  }

  #asAdmin(): Weighed[] {
    const { live } = this.#actor.place.servers;
    const server = oneOf(this.#random, live);
    const suspended = live.filter(({ mayBeSuspended }) => mayBeSuspended);
    const acts: Weighed[] = [
      [6, () => this.#acts.suspend(server)],
      // A node that takes nothing is soon given back, so that there is something to see.
      [this.#acts.mode === "active" ? 7 : 40, () => this.#acts.setMode()],
    ];
    if (suspended.length > 0) {
      const { id: serverId } = oneOf(this.#random, suspended);
      acts.push([14, () => this.#actor.ask({ name: "unsuspend", serverId })]);
    }
    return acts;
  }
}
