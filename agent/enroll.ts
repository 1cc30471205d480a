/** Makes this machine a node of a panel, by a deployment token that works once. */
import { hostname } from "node:os";
import { enrollReplySchema } from "../protocol/api/nodes.ts";
import { idSchema } from "../protocol/ids.ts";
import { ConfigError, type NodeIdentity, writeIdentity } from "./config.ts";
import { callPanel, PanelError } from "./panel-client.ts";
import { AGENT_VERSION } from "./version.ts";

export interface EnrollOptions {
  url: string;
  token: string;
  configFile: string;
  runtime: "nerdctl" | "process";
}

/** @throws ConfigError in words for the operator. */
export async function enroll({ url, token, configFile, runtime }: EnrollOptions): Promise<NodeIdentity> {
  if (!URL.canParse(url)) throw new ConfigError(`${url} is not an address. Use one such as https://panel.example.com`);
  const panelUrl = new URL(url);
  const body = { token, hostname: hostname(), agentVersion: AGENT_VERSION, runtime };
  let data: unknown;
  try {
    data = await callPanel(new URL("/api/agent/enroll", panelUrl), { method: "POST", body });
  } catch (error) {
    if (error instanceof PanelError) throw new ConfigError(`This machine cannot be enrolled: ${error.message}`);
    throw error;
  }
  const reply = enrollReplySchema.safeParse(data);
  if (!reply.success) throw new ConfigError(`${url} did not answer as a Catalyst panel does.`);
  // The address that was just reached is kept: the panel's own idea of it may not work from here.
  const identity = { panelUrl, nodeId: idSchema.parse(reply.data.nodeId), secret: reply.data.secret };
  await writeIdentity(configFile, identity);
  return identity;
}
