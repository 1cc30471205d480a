/** How chains are written: by one input of `iptables-restore`, made from what `iptables-save` says is there. Pure. */
import { CHAIN_PREFIX, type Chain } from "./firewall-rules.ts";

/** By table and chain: its rules as the program prints them. */
export type PresentRules = Map<string, string[]>;

const keyOf = (table: string, chain: string) => `${table} ${chain}`;
export const presentRulesOf = (present: PresentRules, { table, name }: Chain): string[] | null =>
  present.get(keyOf(table, name)) ?? null;
const rulesOf = (present: PresentRules, { table }: Chain, caller: string): string[] =>
  present.get(keyOf(table, caller)) ?? [];

/** Reads what `iptables-save` prints. */
export function parseRules(printed: string): PresentRules {
  const present: PresentRules = new Map();
  let table = "";
  for (const line of printed.split("\n")) {
    const begun = /^\*(\w+)/.exec(line)?.[1];
    const declared = /^:(\S+)/.exec(line)?.[1];
    const appended = /^-A (\S+) (.*)$/.exec(line);
    if (begun !== undefined) table = begun;
    else if (declared !== undefined) present.set(keyOf(table, declared), []);
    else if (appended) present.get(keyOf(table, appended[1]!))?.push(appended[2]!.trim());
  }
  return present;
}

function calls(present: PresentRules, chain: Chain, caller: string): boolean {
  const rules = rulesOf(present, chain, caller);
  const at = rules.indexOf(`-j ${chain.name}`);
  return at >= 0 && rules.slice(0, at).every((rule) => rule.startsWith(`-j ${CHAIN_PREFIX}`));
}

/** Called before anything but chains of Catalyst, so that nothing lets through what these rules refuse. */
export const isCalledFirst = (present: PresentRules, chain: Chain): boolean =>
  chain.calledBy.every((caller) => calls(present, chain, caller));

function byTable(chains: readonly Chain[], linesOf: (chains: readonly Chain[]) => string[]): string {
  const tables = [...Map.groupBy(chains, ({ table }) => table)];
  return tables.map(([table, of]) => [`*${table}`, ...linesOf(of), "COMMIT", ""].join("\n")).join("");
}

const uncalls = (present: PresentRules, chain: Chain, caller: string) =>
  rulesOf(present, chain, caller)
    .filter((rule) => rule === `-j ${chain.name}`)
    .map((rule) => `-D ${caller} ${rule}`);

/** Input of `iptables-restore --noflush`: a table's rules hold from one moment to the next, and nothing else is touched. */
export function restoreInput(chains: readonly Chain[], present: PresentRules): string {
  return byTable(chains, (of) => [
    ...of.map(({ name }) => `:${name} - [0:0]`),
    ...of.flatMap(({ name, rules }) => rules.map((rule) => `-A ${name} ${rule}`)),
    ...of.flatMap((chain) =>
      chain.calledBy
        .filter((caller) => !calls(present, chain, caller))
        .flatMap((caller) => [...uncalls(present, chain, caller), `-I ${caller} 1 -j ${chain.name}`]),
    ),
  ]);
}

/** The same, to be rid of the chains; null when there are none. */
export function removalInput(chains: readonly Chain[], present: PresentRules): string | null {
  const own = chains.filter((chain) => presentRulesOf(present, chain) !== null);
  if (own.length === 0) return null;
  return byTable(own, (of) => [
    ...of.map(({ name }) => `:${name} - [0:0]`),
    ...of.flatMap((chain) => chain.calledBy.flatMap((caller) => uncalls(present, chain, caller))),
    ...of.map(({ name }) => `-X ${name}`),
  ]);
}
