/** Values in nested data, by paths such as `server.port` or `worlds[0].name`. Pure. */

type Container = Record<string, unknown> | unknown[];
type Key = string | number;

/** A game's configuration is no place to reach the prototypes of the agent's own objects from. */
const FORBIDDEN = new Set(["__proto__", "constructor", "prototype"]);

export function parseKeyPath(path: string): Key[] {
  const keys = path.split(".").flatMap((part): Key[] => {
    const match = /^([^[\]]*)((?:\[\d+\])*)$/.exec(part);
    if (!match) return [part];
    const indexes = [...match[2]!.matchAll(/\d+/g)].map(([digits]) => Number(digits));
    return match[1] === "" && indexes.length > 0 ? indexes : [match[1]!, ...indexes];
  });
  if (keys.some((key) => typeof key === "string" && FORBIDDEN.has(key))) throw new Error(`${path} is not a key`);
  return keys;
}

/** Text that is a number or a truth value becomes one, unless there is text in its place already. */
export function typedValue(text: string, present: unknown): unknown {
  if (typeof present === "string") return text;
  if (text === "true" || text === "false") return text === "true";
  if (/^-?(0|[1-9]\d*)(\.\d+)?$/.test(text) && Number.isFinite(Number(text))) return Number(text);
  return text;
}

const isContainer = (value: unknown): value is Container => typeof value === "object" && value !== null;

/** Sets a value, making what is missing on the way. */
export function setByPath(root: Container, path: string, text: string): void {
  const keys = parseKeyPath(path);
  const last = keys.pop()!;
  let at = root as Record<Key, unknown>;
  keys.forEach((key, index) => {
    if (!isContainer(at[key])) at[key] = typeof (keys[index + 1] ?? last) === "number" ? [] : {};
    at = at[key] as Record<Key, unknown>;
  });
  at[last] = typedValue(text, at[last]);
}
