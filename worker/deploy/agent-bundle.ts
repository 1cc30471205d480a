import { z } from "zod";
import type { RequestContext } from "../context.ts";
import { notFound } from "../errors.ts";

/** What the build says of the agent that it put among the assets. */
export const agentManifestSchema = z.object({
  version: z.string().regex(/^[0-9A-Za-z.+-]{1,64}$/),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  file: z.literal("catalyst-agent.mjs"),
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

/** The agent itself. @throws Refusal NOT_FOUND */
export async function agentBundle(ctx: RequestContext): Promise<Response> {
  const { file, version, sha256 } = await agentManifest(ctx);
  const asset = await agentAsset(ctx, file);
  if (!asset) throw notFound("agent bundle in this installation");
  return new Response(asset.body, {
    headers: {
      "Content-Type": "text/javascript; charset=utf-8",
      "Cache-Control": "no-cache",
      ETag: `"${sha256}"`,
      "X-Catalyst-Agent-Version": version,
    },
  });
}
