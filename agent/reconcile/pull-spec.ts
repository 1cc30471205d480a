/** Fetches what this node's servers shall be. */
import { z } from "zod";
import { idSchema } from "../../protocol/ids.ts";
import { type NodeSpec, type ServerSpec, serverSpecSchema } from "../../protocol/spec.ts";
import type { NodeIdentity } from "../config.ts";
import type { Log } from "../log.ts";
import { callPanel } from "../panel-client.ts";

const looseSpecSchema = z.object({
  nodeId: idSchema,
  generation: z.number().int().nonnegative(),
  servers: z.array(z.object({ id: idSchema }).loose()),
});

/**
 * A server whose spec this agent does not understand keeps the one it has: a newer control plane must never make an
 * older agent take a server for removed.
 *
 * @param known the spec applied last, by server.
 */
export function understandSpec(data: unknown, known: ReadonlyMap<string, ServerSpec>, log: Log): NodeSpec {
  const { nodeId, generation, servers } = looseSpecSchema.parse(data);
  const understood: ServerSpec[] = [];
  for (const server of servers) {
    const parsed = serverSpecSchema.safeParse(server);
    const spec = parsed.success ? parsed.data : known.get(server.id);
    if (!parsed.success) {
      const [issue] = parsed.error.issues;
      log.error(
        { serverId: server.id, path: issue?.path.join("."), kept: spec !== undefined },
        "a server's spec is not understood",
      );
    }
    if (spec) understood.push(spec);
  }
  return { nodeId, generation, servers: understood };
}

export async function pullSpec(
  identity: NodeIdentity,
  known: ReadonlyMap<string, ServerSpec>,
  log: Log,
): Promise<NodeSpec> {
  const headers = { authorization: `Bearer ${identity.secret}`, "x-catalyst-node": identity.nodeId };
  const data = await callPanel(new URL("/api/agent/spec", identity.panelUrl), { method: "GET", headers });
  const spec = understandSpec(data, known, log);
  if (spec.nodeId !== identity.nodeId) throw new Error("the panel answered with another node's spec");
  return spec;
}
