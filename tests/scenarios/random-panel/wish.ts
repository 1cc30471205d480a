/** Who asks where for what, and what they get. */
import type { ErrorCode } from "../../../protocol/errors.ts";
import type { KnownServers } from "./known-servers.ts";
import type { Ledger, Outcome } from "./ledger.ts";
import type { RequestName } from "./requests.ts";

export interface Place {
  url: string;
  nodeId: string;
  ledger: Ledger;
  servers: KnownServers;
  /** By the name that a report may tell. */
  secrets: ReadonlyMap<string, string>;
}

export interface Person {
  name: string;
  id: string;
  token: string;
  isAdmin: boolean;
}

export interface Wish {
  name: RequestName;
  serverId?: string;
  body?: unknown;
  /** Sent as it is, in place of `body`. */
  rawBody?: string;
  contentType?: string;
  /** Instead of the kind's own. */
  path?: string;
  query?: string;
  onlyCodes?: readonly ErrorCode[];
  what?: string;
  key?: string;
  /** The connection is closed by then, as a page that is left closes it. */
  leavesAfterMs?: number;
}

export interface Asked<T> {
  outcome: Outcome;
  /** Of a success. */
  data: T | null;
}
