/** What nerdctl says, in words for the owner of a server. Pure. */

interface Translation {
  pattern: RegExp;
  words: (match: RegExpMatchArray) => string;
}

const TRANSLATIONS: Translation[] = [
  {
    pattern: /name \\*"([\w.-]{1,100})\\*" is already used by ID/,
    words: (match) =>
      `Another container on this node, not one of this panel's, has the name ${match[1]}. Rename or remove it.`,
  },
  {
    pattern: /requested IP address (\S+) is not available in range/,
    words: (match) => `The address ${match[1]} is still in use on this node.`,
  },
  { pattern: /image not available|no such image/i, words: () => "The container image is not on this node." },
  {
    pattern: /401 Unauthorized|authentication required|no basic auth credentials|incorrect username or password/i,
    words: () => "The registry of the container image wants a login, and this node has none or a wrong one for it.",
  },
  {
    pattern: /(pull access denied|insufficient_scope|not found|manifest unknown)[^\n]*/i,
    words: () => "The container image does not exist, or this node may not pull it.",
  },
  {
    pattern: /no such host|dial tcp|i\/o timeout|connection refused|TLS handshake|network is unreachable/i,
    words: () => "The container image could not be pulled: its registry cannot be reached from this node.",
  },
  { pattern: /no space left on device/i, words: () => "The node's disk is full." },
  {
    pattern: /"?\/bin\/sh"?: (?:stat|no such file)|exec: "?\/bin\/sh/,
    words: () => "The container image has no /bin/sh, which starting a server needs.",
  },
  { pattern: /exec format error/, words: () => "The container image is for another kind of processor." },
];

const CONTAINERD_DOWN =
  /cannot access containerd socket|containerd\.sock[^\n]*(?:no such file|connection refused)|connection error[^\n]*transport|rpc error: code = Unavailable|error reading from server/i;

export type FailedAction = "start" | "install" | "pull" | "other";

const FALLBACK: Record<FailedAction, string> = {
  start: "The container could not be started.",
  install: "The install container could not be started.",
  pull: "The container image could not be pulled.",
  other: "The container runtime refused.",
};

/** @param output what nerdctl printed; it is for the agent's log alone. */
export function explainFailure(action: FailedAction, output: string): string {
  if (CONTAINERD_DOWN.test(output)) return "The node's container runtime (containerd) does not answer.";
  for (const { pattern, words } of TRANSLATIONS) {
    const match = pattern.exec(output);
    if (match) return words(match);
  }
  return FALLBACK[action];
}

/** containerd itself is away, or goes away in the middle of an answer. */
export const isRuntimeDown = (output: string) => CONTAINERD_DOWN.test(output);
export const isImageMissing = (output: string) => /image not available|no such image/i.test(output);
export const isContainerMissing = (output: string) =>
  /no such (?:container|object)|container \S+ in namespace \S+ not found/i.test(output);
export const isNotRunning = (output: string) => /is not running/i.test(output);
