import { z } from "zod";

/**
 * What a node is for at present.
 *
 * - `active`: everything.
 * - `draining`: what it has goes on; no server is placed on it any more.
 * - `maintenance`: as draining, and its servers are stopped and held: they return to what they were when it ends.
 */
export const NODE_MODES = ["active", "draining", "maintenance"] as const;
export const nodeModeSchema = z.enum(NODE_MODES);
export type NodeMode = z.infer<typeof nodeModeSchema>;
