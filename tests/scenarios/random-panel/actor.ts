/** Somebody who uses the panel's API as its pages do: a lost connection is tried again, a POST under its key. */
import { setTimeout as delay } from "node:timers/promises";
import { codeOf, faultsOf, type Given, leaks, parsed } from "./answers.ts";
import type { Entry } from "./ledger.ts";
import { kindOf } from "./requests.ts";
import type { Asked, Person, Place, Wish } from "./wish.ts";

/** As the panel's own client waits. */
const RETRY_AFTER_LOSS_MS = 600;
/** An edge that was killed is back by then. */
const PATIENCE_MS = 15_000;
const ANSWER_DEADLINE_MS = 20_000;
/** A first request that was cut off holds its key for two minutes, for which nobody waits here. */
const KEY_BUSY_TRIES = 4;

/** What an attempt brought; null when the connection was lost. */
type Attempt = Given | null;

export class Actor {
  readonly place: Place;
  readonly person: Person;

  constructor(place: Place, person: Person) {
    this.place = place;
    this.person = person;
  }

  /** Asks until there is an answer or patience ends. */
  async ask<T = unknown>(wish: Wish): Promise<Asked<T>> {
    const entry = this.#begin(wish);
    const given = await this.#deliver(entry, wish);
    return this.#settle(entry, given ? [given] : []);
  }

  /** Sends the same request twice under one key, the second at the same time or after the first. */
  async askTwice<T = unknown>(wish: Wish, isAtOnce: boolean): Promise<Asked<T>> {
    const entry = this.#begin({ ...wish, what: `twice ${wish.name}` });
    const keyed = { ...wish, key: `twice-${entry.number}` };
    const first = this.#deliver(entry, keyed);
    if (!isAtOnce) await first;
    const given = (await Promise.all([first, this.#deliver(entry, keyed)])).filter((one) => one !== null);
    const [one, other] = given;
    if (one && other && isKept(one) && isKept(other) && one.text !== other.text)
      this.place.ledger.violated(entry, `two answers under one key: ${one.text} and ${other.text}`);
    return this.#settle(entry, given);
  }

  #begin(wish: Wish): Entry {
    return this.place.ledger.begin({
      actor: this.person.name,
      actorId: this.person.id,
      what: wish.what ?? wish.name,
      name: wish.name,
      serverId: wish.serverId ?? null,
      hasKey: kindOf(wish.name).method === "POST",
    });
  }

  #settle<T>(entry: Entry, given: Given[]): Asked<T> {
    const { ledger } = this.place;
    const success = given.find(({ status }) => status < 300);
    if (success) ledger.end(entry, "accepted");
    else if (given.length === 0) ledger.end(entry, "unknown");
    else ledger.end(entry, "refused", codeOf(given.at(-1)!.text));
    return { outcome: entry.outcome, data: success ? (parsed(success.text) as { data: T }).data : null };
  }

  /** @returns null when it is not known what came of it. */
  async #deliver(entry: Entry, wish: Wish): Promise<Attempt> {
    const key = wish.key ?? `${entry.actor}-${entry.number}`;
    const deadline = performance.now() + PATIENCE_MS;
    let busy = 0;
    while (performance.now() < deadline) {
      const requestId = this.place.ledger.attempt(entry);
      const given = await this.#send(wish, key, requestId).catch(() => null);
      if (!given) {
        entry.lost++;
        entry.answers.push(wish.leavesAfterMs === undefined ? "lost" : "left");
        if (wish.leavesAfterMs !== undefined) return null;
        await delay(RETRY_AFTER_LOSS_MS);
        continue;
      }
      entry.answers.push(`${given.status}${codeOf(given.text) ? ` ${codeOf(given.text)}` : ""}`);
      if (isKeyBusy(given)) {
        if (entry.lost === 0 && !wish.key)
          this.place.ledger.violated(entry, "the key is said to be in use by a request that nobody made");
        if (++busy > KEY_BUSY_TRIES) return null;
        await delay(1_000);
        continue;
      }
      this.#judge(entry, wish, requestId, given);
      return given;
    }
    return null;
  }

  async #send(wish: Wish, key: string, requestId: string): Promise<Given> {
    const { method, path } = kindOf(wish.name);
    const { nodeId, url } = this.place;
    const target = (wish.path ?? path).replace("{id}", wish.serverId ?? nodeId) + (wish.query ?? "");
    const body = wish.rawBody ?? (wish.body === undefined ? null : JSON.stringify(wish.body));
    const response = await fetch(url + target, {
      method,
      body,
      headers: {
        authorization: `Bearer ${this.person.token}`,
        "x-request-id": requestId,
        ...(body === null ? {} : { "content-type": wish.contentType ?? "application/json" }),
        ...(method === "POST" ? { "idempotency-key": key } : {}),
      },
      signal: AbortSignal.timeout(wish.leavesAfterMs ?? ANSWER_DEADLINE_MS),
    });
    const { status, headers } = response;
    const isReplayed = headers.get("idempotency-replayed") === "true";
    return { status, text: await response.text(), requestId: headers.get("x-request-id"), isReplayed };
  }

  #judge(entry: Entry, wish: Wish, requestId: string, given: Given): void {
    const server = wish.serverId === undefined ? null : this.place.servers.get(wish.serverId);
    const expected = {
      kind: kindOf(wish.name),
      requestId,
      onlyCodes: wish.onlyCodes ?? null,
      mayBeSuspended: server?.mayBeSuspended ?? false,
      // A lost deletion may have been carried out, and its repetition then finds nothing.
      mayBeGone: server?.mayBeGone ?? false,
    };
    const faults = [...faultsOf(given, expected), ...leaks(given.text, this.place.secrets)];
    for (const fault of faults)
      this.place.ledger.violated(entry, `${fault}: ${given.status} ${given.text.slice(0, 600)}`);
  }
}

/** Answers after which the request was not carried out are not kept under the key. */
const isKept = ({ status }: Given) => status < 500 && ![401, 403, 423, 429].includes(status);

const isKeyBusy = ({ status, text }: Given) => status === 409 && text.includes("Idempotency-Key has no answer yet");
