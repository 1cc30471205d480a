/** What was asked, by whom, and what came of it. */
import type { RequestName } from "./requests.ts";

/** `unknown`: the connection was lost and nobody learnt whether it was carried out. */
export type Outcome = "under way" | "accepted" | "refused" | "unknown";

export interface Entry {
  number: number;
  actor: string;
  actorId: string;
  /** In the words of a report. */
  what: string;
  /** `line` goes over a console socket, and is no request. */
  name: RequestName | "line";
  serverId: string | null;
  /** Of its attempts, as they are in the audit log. */
  requestIds: string[];
  answers: string[];
  outcome: Outcome;
  /** The code of the last refusal. */
  code: string | null;
  /** So many of its attempts were not answered. */
  lost: number;
  hasKey: boolean;
  beganAt: number;
  endedAt: number;
}

const AUDIT_PREFIX = "random-panel";

export class Ledger {
  readonly entries: Entry[] = [];
  /** Broken promises seen so far, each a sentence. */
  readonly violations: string[] = [];
  readonly #faults: { at: number; what: string }[] = [];

  begin(fields: Pick<Entry, "actor" | "actorId" | "what" | "name" | "serverId" | "hasKey">): Entry {
    const number = this.entries.length + 1;
    const entry: Entry = {
      ...fields,
      ...{ number, requestIds: [], answers: [], outcome: "under way", code: null, lost: 0 },
      beganAt: performance.now(),
      endedAt: Number.POSITIVE_INFINITY,
    };
    this.entries.push(entry);
    return entry;
  }

  /** A new request id for an attempt of this action. */
  attempt(entry: Entry): string {
    const requestId = `${AUDIT_PREFIX}-${entry.number}.${entry.requestIds.length + 1}`;
    entry.requestIds.push(requestId);
    return requestId;
  }

  end(entry: Entry, outcome: Outcome, code: string | null = null): void {
    entry.outcome = outcome;
    entry.code = code;
    entry.endedAt = performance.now();
  }

  violated(entry: Entry, what: string): void {
    this.violations.push(`${described(entry)}: ${what}`);
  }

  fault(what: string): void {
    this.#faults.push({ at: performance.now(), what });
  }

  counts(): Record<string, number> {
    const counts: Record<string, number> = {};
    const words = [...this.entries.map(({ what }) => what.split(" ")[0]!), ...this.#faults.map(({ what }) => what)];
    for (const word of words) counts[word] = (counts[word] ?? 0) + 1;
    return counts;
  }

  /** The last actions and faults in the order in which they began. */
  tail(count: number): string[] {
    const actions = this.entries.map((entry) => ({ at: entry.beganAt, what: described(entry) }));
    const all = [...actions, ...this.#faults.map(({ at, what }) => ({ at, what: `-- ${what}` }))];
    return all
      .sort((a, b) => a.at - b.at)
      .slice(-count)
      .map(({ at, what }) => `${(at / 1000).toFixed(2)} ${what}`);
  }
}

const described = ({ number, actor, what, serverId, answers, outcome }: Entry): string =>
  `#${number} ${actor}: ${what}${serverId ? ` on ${serverId}` : ""}: ${answers.join(", ")} → ${outcome}`;
