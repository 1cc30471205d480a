/**
 * What a node may cost, should somebody else hold it. Each limit is far above what an honest agent sends, also when it
 * comes back after hours on its own; docs/decisions/2026-11-24-flooding-node.md has the sums.
 */
import type { BucketRules } from "./token-bucket.ts";

/** State events. An agent keeps 20,000 for a hub that is away: two such backlogs pass at once. */
export const EVENT_RULES: BucketRules = { burst: 40_000, perSecond: 20 };
/** After which an agent that told too much may come back; what was not acknowledged it tells again. */
export const EVENTS_RETRY_MS = 60_000;

/** Crashes written one by one. A server that crashes without end is restarted once a minute. */
export const CRASHES_OF_SERVER: BucketRules = { burst: 200, perSecond: 1 / 60 };
export const CRASHES_OF_NODE: BucketRules = { burst: 5_000, perSecond: 1 / 6 };
/** Crashes beyond are counted, and the count is told this long after the first of them. */
export const OMITTED_TOLD_AFTER_MS = 10 * 60_000;

/** Writes to Postgres that follow a change at once; past them changes gather for `PACED_DELAY_MS`. */
export const DRAIN_RULES: BucketRules = { burst: 120, perSecond: 2 };
export const PACED_DELAY_MS = 2_000;
