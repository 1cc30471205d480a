import { afterAll, beforeAll, describe, expect, it } from "vitest";
import WebSocket from "ws";
import { HUB_IDENTITY_HEADER } from "../protocol/hub-rpc.ts";
import { Panel } from "./world/panel.ts";

let panel: Panel;
let otherNode: { id: string; secret: string };

beforeAll(async () => {
  panel = await Panel.start();
  const [location] = await panel.must<{ id: string }[]>("GET", "/api/locations");
  otherNode = await panel.must("POST", "/api/nodes", {
    name: "other",
    locationId: location!.id,
    hostname: "other.example.com",
    publicAddress: "192.0.2.1",
    maxMemoryMb: 1024,
    maxCpuCores: 1,
  });
});
afterAll(() => panel?.stop());

/** The HTTP status that an upgrade was refused with, or "open". */
function upgrade(path: string, headers: Record<string, string>): Promise<number | "open"> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(panel.url.replace("http", "ws") + path, { headers });
    socket.on("unexpected-response", (_request, response) => {
      resolve(response.statusCode ?? 0);
      socket.terminate();
    });
    socket.on("open", () => {
      resolve("open");
      socket.terminate();
    });
    socket.on("error", (error) => reject(error));
  }).then((outcome) => outcome as number | "open");
}

describe("the agent slot", () => {
  const forged = () => ({
    [HUB_IDENTITY_HEADER]: JSON.stringify({ role: "agent", nodeId: panel.nodeId, specGeneration: 0 }),
  });

  it.each<[string, () => Record<string, string>]>([
    ["nobody", () => ({})],
    ["a signed-in administrator's browser", () => ({ authorization: `Bearer ${panel.token}` })],
    [
      "an administrator who names the node",
      () => ({ authorization: `Bearer ${panel.token}`, "x-catalyst-node": panel.nodeId }),
    ],
    ["forged identity headers", () => forged()],
    ["another node's secret", () => ({ authorization: `Bearer ${otherNode.secret}`, "x-catalyst-node": panel.nodeId })],
    [
      "another node's secret with forged headers",
      () => ({ authorization: `Bearer ${otherNode.secret}`, "x-catalyst-node": panel.nodeId, ...forged() }),
    ],
    [
      "a node that does not exist",
      () => ({ authorization: `Bearer ${otherNode.secret}`, "x-catalyst-node": "no-such-node" }),
    ],
  ])("is refused to %s, and the agent stays connected", async (_who, headers) => {
    expect(await upgrade("/api/agent/connect", headers())).toBe(401);
    await panel.waitForNode(1_000);
  });

  it("is not reached through the console socket with a forged identity", async () => {
    const serverId = await panel.createServer();
    const socket = new WebSocket(`${panel.url.replace("http", "ws")}/api/servers/${serverId}/console`, {
      headers: { authorization: `Bearer ${panel.token}`, ...forged() },
    });
    const answer = await new Promise<string>((resolve, reject) => {
      socket.on("error", reject);
      socket.on("open", () =>
        socket.send(
          JSON.stringify({
            type: "hello",
            protocol: 1,
            agentVersion: "1",
            bootId: "b",
            appliedGeneration: 0,
            runtime: "process",
          }),
        ),
      );
      socket.on("message", (data) => {
        const frame = JSON.parse(String(data));
        if (frame.type === "welcome" || frame.type === "error") resolve(frame.type);
      });
    });
    socket.terminate();
    expect(answer).toBe("error");
    await panel.waitForNode(1_000);
  });
});

describe("a deployment token", () => {
  const enroll = (token: string) =>
    fetch(`${panel.url}/api/agent/enroll`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ token, hostname: "h", agentVersion: "1", runtime: "process" }),
    });

  it("enrols once, even when two agents race for it", async () => {
    const { deploymentToken } = await panel.must<{ deploymentToken: string }>(
      "POST",
      `/api/nodes/${otherNode.id}/deployment-token`,
    );
    const statuses = (await Promise.all([1, 2, 3, 4].map(() => enroll(deploymentToken)))).map((r) => r.status);
    expect(statuses.filter((status) => status < 300)).toHaveLength(1);
    expect(statuses.filter((status) => status === 400)).toHaveLength(3);
  });

  it("is refused when it was never made", async () => {
    expect((await enroll("x".repeat(40))).status).toBe(400);
  });

  it("says in the deploy script what to run, and reading it does not use the token up", async () => {
    const { deploymentToken, deployUrl } = await panel.must<{ deploymentToken: string; deployUrl: string }>(
      "POST",
      `/api/nodes/${otherNode.id}/deployment-token`,
    );
    for (let reading = 0; reading < 2; reading++) {
      const script = await (await fetch(deployUrl)).text();
      expect(script).toMatch(/^#!/);
      expect(script).toContain(deploymentToken);
    }
    expect((await enroll(deploymentToken)).status).toBeLessThan(300);
  });
});
