import { agentBundle, agentLauncher, agentManifest } from "../deploy/agent-bundle.ts";
import { deployScript, refusingScript } from "../deploy/script.ts";
import { logFault } from "../log.ts";
import { isFault, refusalOf } from "../middleware/answer-errors.ts";
import { requireLiveToken } from "../services/nodes/deploy-link.ts";
import { newRouter } from "./contract.ts";

export const deployRoutes = newRouter();

const SCRIPT_HEADERS = { "Content-Type": "text/x-shellscript; charset=utf-8" };

deployRoutes.get("/api/deploy/:token", async (c) => {
  const ctx = c.get("ctx");
  const token = c.req.param("token");
  try {
    await requireLiveToken(ctx, token);
    const manifest = await agentManifest(ctx);
    return c.body(deployScript({ panelUrl: ctx.origin, token, manifest }), 200, SCRIPT_HEADERS);
  } catch (error) {
    if (c.req.header("accept")?.includes("application/json")) throw error;
    const refusal = refusalOf(error);
    if (isFault(refusal)) logFault("deploy script failed", ctx.requestId, error);
    return c.body(refusingScript(refusal.message), refusal.status, SCRIPT_HEADERS);
  }
});

deployRoutes.get("/agent/manifest.json", async (c) => c.json(await agentManifest(c.get("ctx")), 200));
deployRoutes.get("/agent/catalyst-agent.sh", (c) => agentLauncher(c.get("ctx")));
deployRoutes.get("/agent/catalyst-agent.mjs", (c) => agentBundle(c.get("ctx")));
