import { z } from "zod";
import { agentBuildSchema, buildName } from "../../protocol/agent-update.ts";
import type { RequestContext } from "../context.ts";
import { notFound } from "../errors.ts";

/** What the build says of the agent that it put among the assets. */
export const agentManifestSchema = agentBuildSchema.extend({
  file: z.literal("catalyst-agent.mjs"),
  /** What starts the agent on a node, and decides whether an update holds. */
  launcher: z.object({ file: z.literal("catalyst-agent.sh"), sha256: z.string().regex(/^[0-9a-f]{64}$/) }),
});
export type AgentManifest = z.infer<typeof agentManifestSchema>;

/** An asset below `/agent/`, or null: for a missing one the asset store answers with the panel's own page. */
async function agentAsset(ctx: RequestContext, name: string): Promise<Response | null> {
  const response = await ctx.env.ASSETS.fetch(new Request(`${ctx.origin}/agent/${name}`));
  const isPage = response.headers.get("content-type")?.startsWith("text/html") ?? false;
  return response.ok && !isPage ? response : null;
}

/** @throws Refusal NOT_FOUND when this installation was built without the agent */
export async function agentManifest(ctx: RequestContext): Promise<AgentManifest> {
  const asset = await agentAsset(ctx, "manifest.json");
  const parsed = agentManifestSchema.safeParse(await asset?.json().catch(() => null));
  if (!parsed.success) throw notFound("agent bundle in this installation");
  return parsed.data;
}

/** A file of the manifest. Never kept without asking, because the next build has the same name. */
async function agentFile(
  ctx: RequestContext,
  { file, sha256 }: { file: string; sha256: string },
  what: string,
  headers: Record<string, string>,
): Promise<Response> {
  const asset = await agentAsset(ctx, file);
  if (!asset) throw notFound(`${what} in this installation`);
  return new Response(asset.body, { headers: { "Cache-Control": "no-cache", ETag: `"${sha256}"`, ...headers } });
}

/** The agent itself. @throws Refusal NOT_FOUND */
export async function agentBundle(ctx: RequestContext): Promise<Response> {
  const manifest = await agentManifest(ctx);
  return await agentFile(ctx, manifest, "agent bundle", {
    "Content-Type": "text/javascript; charset=utf-8",
    "X-Catalyst-Agent-Version": manifest.version,
  });
}

/** The launcher that the deploy script installs. @throws Refusal NOT_FOUND */
export async function agentLauncher(ctx: RequestContext): Promise<Response> {
  const { launcher } = await agentManifest(ctx);
  return await agentFile(ctx, launcher, "agent launcher", { "Content-Type": "text/x-shellscript; charset=utf-8" });
}

/** Name of the build that this installation serves, or null when it was built without one. */
export async function latestAgentVersion(ctx: RequestContext): Promise<string | null> {
  return await agentManifest(ctx).then(buildName, () => null);
}
