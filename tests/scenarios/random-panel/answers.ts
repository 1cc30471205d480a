/** What is wrong with an answer of the API: that it is not a documented one, or that it tells what it must not. Pure. */
import { failureSchema } from "../../../protocol/api/envelope.ts";
import { ERROR_STATUS, type ErrorCode } from "../../../protocol/errors.ts";
import type { RequestKind } from "./requests.ts";

export interface Given {
  status: number;
  text: string;
  requestId: string | null;
  isReplayed: boolean;
}

/** Who asked for what, as far as the answer depends on it. */
export interface Expected {
  kind: RequestKind;
  requestId: string;
  /** Null when the request must be carried out or refused for its own reasons; otherwise the only codes for it. */
  onlyCodes: readonly ErrorCode[] | null;
  /** The server may be suspended, or be gone by now. */
  mayBeSuspended: boolean;
  mayBeGone: boolean;
}

const INNER_TEXT = [
  /^\s+at .+:\d+/m,
  /\bat \S+ \(.+:\d+:\d+\)/,
  /node_modules|\.m?[jt]s:\d+/,
  /\b(?:select|delete)\b[^"]* from |\binsert into\b|\bupdate \w+ set\b/i,
  /sqlstate|drizzle|neondb|pg_catalog|violates/i,
];

/** What of the inner workings, and which secret, an answer carries. */
export function leaks(text: string, secrets: ReadonlyMap<string, string>): string[] {
  const inner = INNER_TEXT.filter((pattern) => pattern.test(text)).map((pattern) => `it matches ${pattern}`);
  const told = [...secrets].filter(([, secret]) => text.includes(secret)).map(([name]) => `it holds ${name}`);
  return [...inner, ...told];
}

export function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

export const codeOf = (text: string): ErrorCode | null => failureSchema.safeParse(parsed(text)).data?.code ?? null;

function allowedCodes({ kind, onlyCodes, mayBeSuspended, mayBeGone }: Expected): readonly ErrorCode[] {
  if (onlyCodes) return onlyCodes;
  const ofServer: ErrorCode[] = [];
  if (mayBeSuspended) ofServer.push("SERVER_SUSPENDED");
  if (mayBeGone) ofServer.push("NOT_FOUND");
  return [...kind.refusals, ...ofServer];
}

/** What is wrong with an answer; empty when it is one of those that the contract names. */
export function faultsOf(given: Given, expected: Expected): string[] {
  const { kind, onlyCodes, requestId } = expected;
  const body = parsed(given.text);
  const faults: string[] = [];
  if (given.requestId !== requestId) faults.push(`the answer names the request ${given.requestId}`);
  if (given.status < 300) {
    if (onlyCodes) return [...faults, "it was carried out"];
    if (given.status !== kind.success) faults.push(`the status ${given.status} instead of ${kind.success}`);
    const fit = kind.answer.safeParse(body);
    if (!fit.success)
      faults.push(`the body does not fit: ${fit.error.issues.map((i) => `${i.path.join(".")} ${i.code}`)}`);
    return faults;
  }
  const failure = failureSchema.safeParse(body);
  if (!failure.success) return [...faults, "the body is no failure of the contract"];
  const { code } = failure.data;
  if (ERROR_STATUS[code] !== given.status) faults.push(`${code} has the status ${given.status}`);
  if (!given.isReplayed && failure.data.requestId !== requestId) faults.push("the body names another request");
  if (!allowedCodes(expected).includes(code)) faults.push(`${code} is no answer to this`);
  return faults;
}
