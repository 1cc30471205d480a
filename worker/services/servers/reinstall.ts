import { eq, sql } from "drizzle-orm";
import type { z } from "zod";
import { serverObserved, servers, templates } from "../../../drizzle/schema/index.ts";
import type { reinstallBodySchema, ServerDetail } from "../../../protocol/api/servers.ts";
import type { ServerState } from "../../../protocol/server-state.ts";
import type { ServerContext } from "../../context.ts";
import { notFound, Refusal } from "../../errors.ts";
import { requireNotSuspended, requireOnServer } from "./access.ts";
import { changeServer } from "./change-server.ts";
import { defaultImageOf } from "./environment.ts";
import { getServer } from "./get.ts";
import { headroomByTemplate } from "./more-limits.ts";

const BUSY: readonly ServerState[] = ["running", "starting", "stopping", "installing"];

type Body = z.output<typeof reinstallBodySchema>;

/**
 * Asks for a new install, from the template as it is today; with `wipe` the node deletes all files before it, once.
 * What the owner chose of the template (image, startup)
 * stays unless it was the template's own default, which then follows the template.
 *
 * @throws Refusal PERMISSION_DENIED, also for a wipe by somebody who may not delete files; SERVER_ALREADY_RUNNING while the server runs or installs
 */
export async function reinstallServer(ctx: ServerContext, { wipe }: Body): Promise<ServerDetail> {
  requireOnServer(ctx, "server.reinstall");
  if (wipe) requireOnServer(ctx, "file.delete");
  requireNotSuspended(ctx);
  const { id } = ctx.server;
  const [row] = await ctx.db
    .select({ server: servers, template: templates, state: serverObserved.state })
    .from(servers)
    .innerJoin(templates, eq(templates.id, servers.templateId))
    .leftJoin(serverObserved, eq(serverObserved.serverId, servers.id))
    .where(eq(servers.id, id));
  if (!row) throw notFound("server");
  if (row.state && BUSY.includes(row.state)) {
    throw new Refusal("SERVER_ALREADY_RUNNING", `The server is ${row.state}. Stop it before you reinstall it.`);
  }
  const before = row.server.templateSnapshot;
  const template = row.template.definition;
  const defaults = Object.fromEntries(template.variables.map((variable) => [variable.name, variable.default]));
  const wasDefaultImage = row.server.image === defaultImageOf(before);
  const changed = await changeServer(
    ctx,
    {
      templateSnapshot: template,
      templateRevision: row.template.revision,
      startup: row.server.startup === before.startup ? template.startup : row.server.startup,
      image: wasDefaultImage ? defaultImageOf(template) : row.server.image,
      ...(row.server.hasOwnHeadroom ? {} : { memoryHeadroomMb: headroomByTemplate(template, row.server.memoryMb) }),
      environment: { ...defaults, ...row.server.environment },
      installGeneration: sql`${servers.installGeneration} + 1`,
      ...(wipe && { wipeGeneration: sql`${servers.installGeneration} + 1` }),
    },
    { action: "server.reinstall", details: { wipe } },
    eq(servers.version, row.server.version),
  );
  if (!changed) throw new Refusal("CONFLICT", "Somebody changed this server at the same time. Try again.");
  return await getServer(ctx);
}
