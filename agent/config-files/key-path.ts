/** Values in nested data, by paths such as `server.port` or `worlds[0].name`. Pure. */

export type Key = string | number;

/** A game's configuration is no place to reach the prototypes of the agent's own objects from. */
const FORBIDDEN = new Set(["__proto__", "constructor", "prototype"]);
/** A list is filled up to the place that is set. */
const INDEX_MAX = 1_000;

/** @throws Error when the path cannot be one. */
export function parseKeyPath(path: string): Key[] {
  const keys = path.split(".").flatMap((part): Key[] => {
    const match = /^([^[\]]*)((?:\[\d+\])*)$/.exec(part);
    if (!match) return [part];
    const indexes = [...match[2]!.matchAll(/\d+/g)].map(([digits]) => Number(digits));
    return match[1] === "" && indexes.length > 0 ? indexes : [match[1]!, ...indexes];
  });
  const isBad = (key: Key) => (typeof key === "string" ? FORBIDDEN.has(key) : key > INDEX_MAX);
  if (keys.some(isBad)) throw new Error(`${path} is not a key`);
  return keys;
}

/** Text that is a number or a truth value becomes one, unless there is text in its place already. */
export function typedValue(text: string, present: unknown): unknown {
  if (typeof present === "string") return text;
  if (text === "true" || text === "false") return text === "true";
  if (/^-?(0|[1-9]\d*)(\.\d+)?$/.test(text) && Number.isFinite(Number(text))) return Number(text);
  return text;
}

/** A new value within as many new tables and lists as a path asks for. */
export function nested(keys: readonly Key[], text: string): unknown {
  return keys.reduceRight<unknown>(
    (inner, key) => {
      if (typeof key === "string") return { [key]: inner };
      return [...Array<null>(key).fill(null), inner];
    },
    typedValue(text, undefined),
  );
}
