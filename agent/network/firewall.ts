/** Puts the rules into the kernel, by the iptables programs, and looks after them. */
import { setTimeout as delay } from "node:timers/promises";
import type { Log } from "../log.ts";
import { demandProgram } from "../run-program.ts";
import { RuntimeError } from "../runtime/container-runtime.ts";
import { type Chain, type Family, type FirewallPlan, firewallChains } from "./firewall-rules.ts";
import {
  isCalledFirst,
  type PresentRules,
  parseRules,
  presentRulesOf,
  removalInput,
  restoreInput,
} from "./restore-input.ts";

const PROGRAM: Record<Family, string> = { ipv4: "iptables", ipv6: "ip6tables" };
const DEADLINE = { deadlineMs: 15_000 };
/** Others (Docker, CNI plugins) hold the same lock for a moment. */
const LOCK_WAIT_SECONDS = "10";
const ATTEMPTS_MAX = 8;
const RETRY_MS = 50;

export class Firewall {
  readonly #log: Log;
  /** What the program printed of the chains after they were last written, by family. */
  readonly #written = new Map<Family, { wanted: string; printed: string }>();

  constructor(log: Log) {
    this.#log = log;
  }

  /** Whether the machine can filter this family at all. */
  async canFilter(family: Family): Promise<boolean> {
    return demandProgram(PROGRAM[family], ["-w", LOCK_WAIT_SECONDS, "-S", "FORWARD"], DEADLINE).then(
      () => true,
      () => false,
    );
  }

  /**
   * Makes the rules what the plan says, and puts back what somebody flushed. Cheap when nothing is amiss.
   *
   * @throws RuntimeError when they cannot be written: no server may run without them
   */
  async assert(plan: FirewallPlan, families: readonly Family[]): Promise<void> {
    try {
      await Promise.all(families.map((family) => this.#assertFamily(family, firewallChains(plan, family))));
    } catch (error) {
      this.#log.error({ err: error }, "the firewall cannot be written");
      throw new RuntimeError("The node's firewall cannot be set up, which keeps servers apart from each other.");
    }
  }

  /** Takes all of it away again. */
  async remove(plan: FirewallPlan, families: readonly Family[]): Promise<void> {
    for (const family of families) {
      await this.#settle(family, (present) => removalInput(firewallChains(plan, family), present));
      this.#written.delete(family);
    }
  }

  async #assertFamily(family: Family, chains: readonly Chain[]): Promise<void> {
    const wanted = JSON.stringify(chains);
    const present = await this.#present(family);
    const known = this.#written.get(family);
    const isAsWritten = known?.wanted === wanted && known.printed === printedOf(chains, present);
    if (isAsWritten && chains.every((chain) => isCalledFirst(present, chain))) return;
    if (known?.wanted === wanted) this.#log.warn({ family }, "firewall rules were gone or changed; writing them anew");
    const after = await this.#settle(family, (now, isWritten) =>
      isWritten && chains.every((chain) => isCalledFirst(now, chain)) ? null : restoreInput(chains, now),
    );
    this.#written.set(family, { wanted, printed: printedOf(chains, after) });
  }

  /**
   * Writes until there is nothing left to write. Others (CNI plugins at every start, Docker, a second agent) change the
   * same tables between a look and a write, which then fails as a whole or is not first any more.
   *
   * @param inputOf what to write when these rules are there, or null; `isWritten` tells that a write succeeded before.
   * @returns the rules that were found in the end.
   */
  async #settle(
    family: Family,
    inputOf: (present: PresentRules, isWritten: boolean) => string | null,
  ): Promise<PresentRules> {
    let fault: unknown = new Error("somebody else keeps changing the rules");
    let isWritten = false;
    for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt++) {
      const present = await this.#present(family);
      const input = inputOf(present, isWritten);
      if (input === null) return present;
      try {
        await this.#restore(family, input);
        isWritten = true;
      } catch (error) {
        fault = error;
        await delay(RETRY_MS * attempt * Math.random());
      }
    }
    throw fault;
  }

  async #present(family: Family): Promise<PresentRules> {
    return parseRules(await demandProgram(`${PROGRAM[family]}-save`, [], DEADLINE));
  }

  #restore(family: Family, input: string): Promise<string> {
    const args = ["-w", LOCK_WAIT_SECONDS, "--noflush"];
    return demandProgram(`${PROGRAM[family]}-restore`, args, { input, ...DEADLINE });
  }
}

const printedOf = (chains: readonly Chain[], present: PresentRules) =>
  JSON.stringify(chains.map((chain) => presentRulesOf(present, chain)));
