/**
 * Looks for a template's `readyPattern` in console output that comes in chunks of any size. Pure.
 *
 * A text may stand anywhere, also in a line that is not ended yet (a prompt); a `/regex/` is tried on each whole line
 * without its colours. Lines are tried up to a length, so that no output makes a pattern slow.
 */
const REGEX_LITERAL = /^\/(.*)\/([imsu]*)$/s;
const LINE_MAX_CHARS = 4096;
const COLOURS = /\u001b\[[0-9;?]*[ -/]*[@-~]/g;

export interface ReadyMatcher {
  /** True once the pattern was seen. */
  push(chunk: Buffer): boolean;
}

function textMatcher(text: string): ReadyMatcher {
  const wanted = Buffer.from(text);
  let rest = Buffer.alloc(0);
  return {
    push(chunk) {
      const joined = Buffer.concat([rest, chunk]);
      if (joined.includes(wanted)) return true;
      rest = Buffer.from(joined.subarray(Math.max(0, joined.length - wanted.length + 1)));
      return false;
    },
  };
}

function lineMatcher(pattern: RegExp): ReadyMatcher {
  let rest = "";
  const fits = (line: string) => pattern.test(line.slice(0, LINE_MAX_CHARS).replace(COLOURS, "").replace(/\r$/, ""));
  const decoder = new TextDecoder();
  return {
    push(chunk) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
      rest = lines.pop()!.slice(0, LINE_MAX_CHARS);
      return lines.some(fits);
    },
  };
}

/** @returns null for an empty pattern: the server is ready as soon as it runs. */
export function readyMatcher(pattern: string): ReadyMatcher | null {
  if (pattern === "") return null;
  const literal = REGEX_LITERAL.exec(pattern);
  if (!literal) return textMatcher(pattern);
  try {
    return lineMatcher(new RegExp(literal[1]!, literal[2]));
  } catch {
    return textMatcher(pattern);
  }
}
