import type { z } from "zod";
import type { servers } from "../../../drizzle/schema/index.ts";
import type { createServerBodySchema, updateServerBodySchema } from "../../../protocol/api/servers.ts";
import {
  defaultHeadroomMb,
  OPEN_FILES_LIMIT_DEFAULT,
  PIDS_LIMIT_DEFAULT,
  SHARED_LIMITS,
} from "../../../protocol/resource-limits.ts";
import type { Template } from "../../../protocol/template.ts";
import { hasGlobal, refuse } from "../../auth/permissions.ts";
import type { CallerContext } from "../../context.ts";

type Body = z.output<typeof createServerBodySchema> | z.output<typeof updateServerBodySchema>;
type Row = typeof servers.$inferSelect;

/** Limits that a server has besides memory, CPU and disk, as its row holds them. */
export type MoreLimits = Pick<
  Row,
  | "memoryHeadroomMb"
  | "hasOwnHeadroom"
  | "swapMb"
  | "cpuPinning"
  | "ioWeight"
  | "pidsLimit"
  | "openFilesLimit"
  | "stopTimeoutSeconds"
>;

const NEW_SERVER: MoreLimits = {
  memoryHeadroomMb: 0,
  hasOwnHeadroom: false,
  swapMb: 0,
  cpuPinning: null,
  ioWeight: null,
  pidsLimit: PIDS_LIMIT_DEFAULT,
  openFilesLimit: OPEN_FILES_LIMIT_DEFAULT,
  stopTimeoutSeconds: null,
};

/** Snapshots of templates from before there was head-room have none. */
export const headroomByTemplate = (template: Template, memoryMb: number): number =>
  defaultHeadroomMb(memoryMb, template.memoryHeadroomPercent ?? 0);

/** @throws Refusal PERMISSION_DENIED when a limit that is taken from other servers is asked for by somebody else than an administrator */
export function authoriseShared(ctx: CallerContext, body: Body): void {
  const asksForShared = SHARED_LIMITS.some((field) => body[field] !== undefined);
  if (asksForShared && !hasGlobal(ctx.caller, "admin.write")) throw refuse("admin.write");
}

/**
 * The limits that a body leads to.
 *
 * @param memoryMb the server's memory after the change: a head-room that nobody chose follows it.
 */
export function settleMoreLimits(
  body: Body,
  current: MoreLimits | null,
  template: Template,
  memoryMb: number,
): MoreLimits {
  const before = current ?? NEW_SERVER;
  const asked = body.memoryHeadroomMb;
  const hasOwnHeadroom = asked === undefined ? before.hasOwnHeadroom : asked !== null;
  const ownHeadroomMb = asked ?? before.memoryHeadroomMb;
  const kept = <T>(value: T | undefined, otherwise: T): T => (value === undefined ? otherwise : value);
  return {
    hasOwnHeadroom,
    memoryHeadroomMb: hasOwnHeadroom ? ownHeadroomMb : headroomByTemplate(template, memoryMb),
    swapMb: kept(body.swapMb, before.swapMb),
    cpuPinning: kept(body.cpuPinning, before.cpuPinning),
    ioWeight: kept(body.ioWeight, before.ioWeight),
    pidsLimit: kept(body.pidsLimit, before.pidsLimit),
    openFilesLimit: kept(body.openFilesLimit, before.openFilesLimit),
    stopTimeoutSeconds: kept(body.stopTimeoutSeconds, before.stopTimeoutSeconds),
  };
}
