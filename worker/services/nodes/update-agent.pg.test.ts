import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { NodeDetail, UpdateAgentReply } from "../../../protocol/api/nodes.ts";
import type { AgentOperation } from "../../../protocol/frames/hub-to-agent.ts";
import type { FakeHub } from "../../testing/fake-hubs.ts";
import { type Person, World } from "../../testing/world.ts";

const SHA256 = "ab".repeat(32);
const LATEST = "0.2.0+abababababab";

let world: World;
let admin: Person;
let nodeId: string;
let secret: string;
let hub: FakeHub;

beforeAll(async () => {
  world = await World.create();
  admin = await world.person("admin", ["Administrator"]);
});
afterAll(() => world.close());

let count = 0;
beforeEach(async () => {
  const launcher = { file: "catalyst-agent.sh", sha256: SHA256 };
  const manifest = { version: "0.2.0", sha256: SHA256, file: "catalyst-agent.mjs", launcher };
  world.assets.set("/agent/manifest.json", Response.json(manifest));
  nodeId = await world.node(`node-${++count}`);
  secret = await world.nodeSecret(nodeId);
  hub = world.hubs.of(nodeId);
  hub.agentConnected = true;
  hub.answer = () => ({ ok: true, data: { state: "started" } });
});

const update = (as = admin) => world.call<UpdateAgentReply>("POST", `/api/nodes/${nodeId}/update-agent`, { as });
const node = (as = admin) => world.must<NodeDetail>("GET", `/api/nodes/${nodeId}`, { as });
const agentIs = (version: string) =>
  world.query("update nodes set agent_version = $2 where id = $1", [nodeId, version]);
const asked = () => hub.requests.at(-1)!.operation as Extract<AgentOperation, { op: "update" }>;
const fail = (updateId: string, reason = "The node's disk is full.") =>
  world.call("POST", "/api/agent/report", {
    token: secret,
    headers: { "x-catalyst-node": nodeId },
    body: { updateFailure: { updateId, reason } },
  });
const audited = (action: string) =>
  world.query("select actor_name, details from audit_log where target_id = $1 and action = $2", [nodeId, action]);

describe("an update that is asked for", () => {
  it("names the very bundle that this panel serves, is audited, and is under way until the agent is of that build", async () => {
    await agentIs("0.1.0+000000000000");
    const answer = await update();
    expect([answer.status, answer.data]).toEqual([202, { state: "started", version: LATEST }]);
    expect(asked()).toMatchObject({ op: "update", build: { version: "0.2.0", sha256: SHA256 } });
    expect(await node()).toMatchObject({
      latestAgentVersion: LATEST,
      agentUpdate: { status: "requested", version: LATEST, reason: null },
    });
    expect(await audited("node.update_agent")).toEqual([{ actor_name: "admin", details: { version: LATEST } }]);
    await agentIs(LATEST);
    expect(await node()).toMatchObject({ agentUpdate: null, agentVersion: LATEST });
  });

  it("leaves no trace when the agent is of that build, or refuses, or is not there", async () => {
    hub.answer = () => ({ ok: true, data: { state: "current" } });
    expect((await update()).data).toEqual({ state: "current", version: LATEST });
    expect((await node()).agentUpdate).toBeNull();
    hub.answer = () => ({ ok: false, code: "CONFLICT", error: "This agent cannot update itself." });
    const refused = await update();
    expect([refused.status, refused.body.error]).toEqual([409, "This agent cannot update itself."]);
    hub.agentConnected = false;
    expect((await update()).body.code).toBe("NODE_OFFLINE");
    expect((await node()).agentUpdate).toBeNull();
  });

  it("says what to do with an agent from before updates", async () => {
    hub.answer = () => ({ ok: false, code: "VALIDATION", error: "This agent does not know the operation." });
    const answer = await update();
    expect([answer.status, answer.body.error]).toEqual([409, expect.stringContaining("Run the command")]);
  });

  it("is one at a time, until nothing was heard of it for long", async () => {
    const answers = await Promise.all([update(), update(), update()]);
    expect(answers.map(({ status }) => status).sort()).toEqual([202, 409, 409]);
    expect(hub.requests).toHaveLength(1);
    world.clock.offsetMs = 16 * 60_000;
    expect((await update()).status).toBe(202);
    world.clock.offsetMs = 0;
  });

  it("cannot be where the installation has no bundle", async () => {
    world.assets.delete("/agent/manifest.json");
    expect((await update()).status).toBe(404);
    expect(await node()).toMatchObject({ latestAgentVersion: null, agentUpdate: null });
    expect(hub.requests).toEqual([]);
  });

  it("is for those who may change nodes; others do not see it", async () => {
    await update();
    const user = await world.person(`user-${count}`);
    expect((await update(user)).status).toBe(403);
    expect(await node(user)).toMatchObject({ agentUpdate: null, latestAgentVersion: null });
  });
});

describe("an update that failed", () => {
  it("is told by the node once, kept with its reason, and over with the next that succeeds", async () => {
    await update();
    const { updateId } = asked();
    for (let times = 0; times < 3; times++) expect((await fail(updateId)).status).toBe(200);
    expect((await node()).agentUpdate).toMatchObject({ status: "failed", reason: "The node's disk is full." });
    expect(await audited("node.update_agent_failed")).toHaveLength(1);
    expect((await update()).status).toBe(202);
    expect((await node()).agentUpdate).toMatchObject({ status: "requested", reason: null });
    await agentIs(LATEST);
    expect((await node()).agentUpdate).toBeNull();
  });

  it("can be told before the request is answered", async () => {
    hub.answer = async (operation) => {
      await fail((operation as { updateId: string }).updateId);
      return { ok: true, data: { state: "started" } };
    };
    expect((await update()).status).toBe(202);
    expect((await node()).agentUpdate).toMatchObject({ status: "failed" });
  });

  it("is nothing when nobody asked for it: a node that was taken over fills no log", async () => {
    for (const updateId of ["made-up", "u-2"]) expect((await fail(updateId)).status).toBe(200);
    expect((await node()).agentUpdate).toBeNull();
    expect(await audited("node.update_agent_failed")).toEqual([]);
    expect((await fail("x", "y".repeat(301))).body.code).toBe("VALIDATION");
  });

  it("shows what the node wrote as a plain line", async () => {
    await update();
    await fail(asked().updateId, "a\u0000b\n\u202Ec");
    expect((await node()).agentUpdate?.reason).toBe("a b c");
  });
});
