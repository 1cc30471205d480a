/** How many crashes of a node are written down one by one: bounded for each server, and for all of them together. */
import { CRASHES_OF_NODE, CRASHES_OF_SERVER } from "./flood-limits.ts";
import { type Bucket, refilled, spend } from "./token-bucket.ts";

export interface AllowanceStore {
  allowance(key: string): Bucket | null;
  setAllowance(key: string, bucket: Bucket): void;
}

/** No id of a server. */
const WHOLE_NODE = "";

/** Takes one crash off both allowances; false when either is used up, and then neither is touched. */
export function takeCrash(store: AllowanceStore, serverId: string, now: number): boolean {
  const ofNode = spend(refilled(store.allowance(WHOLE_NODE), CRASHES_OF_NODE, now));
  const ofServer = ofNode && spend(refilled(store.allowance(serverId), CRASHES_OF_SERVER, now));
  if (!ofNode || !ofServer) return false;
  store.setAllowance(WHOLE_NODE, ofNode);
  store.setAllowance(serverId, ofServer);
  return true;
}
