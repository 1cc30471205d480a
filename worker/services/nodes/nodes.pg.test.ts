import { spawnSync } from "node:child_process";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { HUB_IDENTITY_HEADER } from "../../../protocol/hub-rpc.ts";
import { nodeSpecSchema } from "../../../protocol/spec.ts";
import { type Person, World } from "../../testing/world.ts";

let world: World;
let admin: Person;
let nodeId: string;
let secret: string;

const SHA256 = "a".repeat(64);
const nodeBody = (name: string) => ({
  name,
  locationId: "here",
  hostname: `${name}.example.com`,
  publicAddress: "192.168.1.100",
  maxMemoryMb: 32_000,
  maxCpuCores: 16,
});

beforeAll(async () => {
  world = await World.create();
  admin = await world.person("admin", ["Administrator"]);
  await world.location();
  await world.template();
  world.assets.set(
    "/agent/manifest.json",
    Response.json({
      version: "0.1.0",
      sha256: SHA256,
      file: "catalyst-agent.mjs",
      launcher: { file: "catalyst-agent.sh", sha256: SHA256 },
    }),
  );
});
afterAll(() => world.close());

let count = 0;
beforeEach(async () => {
  const made = await world.must<{ id: string; secret: string; isOnline: boolean }>("POST", "/api/nodes", {
    as: admin,
    body: nodeBody(`node-${++count}`),
  });
  nodeId = made.id;
  secret = made.secret;
});

const agent = (path: string, options: { secret?: string; node?: string; headers?: Record<string, string> } = {}) =>
  world.call("GET", path, {
    token: options.secret ?? secret,
    headers: { "x-catalyst-node": options.node ?? nodeId, ...options.headers },
  });
const deploymentToken = () =>
  world.must<{ deploymentToken: string; deployUrl: string; command: string }>(
    "POST",
    `/api/nodes/${nodeId}/deployment-token`,
    { as: admin },
  );
const enroll = (token: string) =>
  world.call<{ nodeId: string; secret: string; panelUrl: string }>("POST", "/api/agent/enroll", {
    body: { token, hostname: "box", agentVersion: "0.1.0", runtime: "process" },
  });

describe("a node", () => {
  it("tells its secret when it is made and never again", async () => {
    expect(secret).toMatch(/^catn_/);
    for (const path of [`/api/nodes/${nodeId}`, "/api/nodes", "/api/audit"]) {
      expect((await world.call("GET", path, { as: admin })).text).not.toContain(secret);
    }
    const rows = await world.query("select * from node_credentials where node_id = $1", [nodeId]);
    expect(JSON.stringify(rows)).not.toContain(secret);
  });

  it("is offline and not enrolled at first, and cannot share a name", async () => {
    expect(await world.must("GET", `/api/nodes/${nodeId}`, { as: admin })).toMatchObject({
      isOnline: false,
      isEnrolled: false,
      allocatedMemoryMb: 0,
      serverCount: 0,
    });
    const again = await world.call("POST", "/api/nodes", { as: admin, body: nodeBody(`node-${count}`) });
    expect([again.status, again.body.code]).toEqual([409, "CONFLICT"]);
  });

  it("cannot be deleted while it has servers, and ends its agent when it is", async () => {
    const serverId = await world.server(admin, { nodeId });
    expect((await world.call("DELETE", `/api/nodes/${nodeId}`, { as: admin })).status).toBe(409);
    await world.must("DELETE", `/api/servers/${serverId}?force=true`, { as: admin });
    await world.must("DELETE", `/api/nodes/${nodeId}`, { as: admin });
    await world.until("the agent is ended", () => world.hubs.of(nodeId).disconnects.length > 0);
    expect((await agent("/api/agent/spec")).status).toBe(401);
  });

  it("says how it is by asking its agent, and that it is offline when there is none", async () => {
    const hub = world.hubs.of(nodeId);
    const path = `/api/nodes/${nodeId}/stats`;
    expect((await world.call("GET", path, { as: admin })).body.code).toBe("NODE_OFFLINE");
    hub.agentConnected = true;
    hub.answer = () => ({ ok: true, data: { nonsense: true } });
    expect((await world.call("GET", path, { as: admin })).body.code).toBe("CONTAINER_ERROR");
  });
});

describe("enrolment", () => {
  it("works once, ends earlier secrets, and its secret then opens the spec", async () => {
    const { deploymentToken: token } = await deploymentToken();
    const first = await enroll(token);
    expect(first.status, first.text).toBe(201);
    expect(first.data.nodeId).toBe(nodeId);
    expect((await enroll(token)).body.code).toBe("INVALID_TOKEN");
    expect((await agent("/api/agent/spec")).status).toBe(401);
    expect((await agent("/api/agent/spec", { secret: first.data.secret })).status).toBe(200);
    expect(await world.must("GET", `/api/nodes/${nodeId}`, { as: admin })).toMatchObject({ isEnrolled: true });
  });

  it("gives the secret to one of two machines with the same token", async () => {
    const { deploymentToken: token } = await deploymentToken();
    const statuses = (await Promise.all([enroll(token), enroll(token)])).map((answer) => answer.status);
    expect(statuses.sort()).toEqual([201, 400]);
  });

  it("ends with the token's hour", async () => {
    const { deploymentToken: token } = await deploymentToken();
    world.clock.offsetMs = 3_600_001;
    try {
      expect((await enroll(token)).body.code).toBe("INVALID_TOKEN");
    } finally {
      world.clock.offsetMs = 0;
    }
  });
});

describe("the deploy script", () => {
  const script = async () => {
    const made = await deploymentToken();
    const answer = await world.call("GET", new URL(made.deployUrl).pathname);
    expect(answer.status, answer.text).toBe(200);
    return { ...made, text: answer.text };
  };

  it("names this panel, the token and the agent's checksum, and uses nothing up", async () => {
    const { text, deploymentToken: token, command } = await script();
    for (const part of ["'https://panel.test'", `'${token}'`, `'${SHA256}'`]) expect(text).toContain(part);
    expect(command).toContain(token);
    expect((await enroll(token)).status).toBe(201);
  });

  it("is a script that bash can parse", async () => {
    const { text } = await script();
    expect(spawnSync("bash", ["-n"], { input: text, encoding: "utf8" }).stderr).toBe("");
  });

  it("does nothing when the download was cut short anywhere", async () => {
    const { text } = await script();
    for (const part of [0.3, 0.6, 0.9]) {
      const cut = text.slice(0, Math.floor(text.length * part));
      const run = spawnSync("/bin/bash", [], { input: cut, encoding: "utf8", env: { PATH: "/nowhere" } });
      expect(run.error).toBeUndefined();
      expect(run.stdout).toBe("");
      // Not even the first check of `main` has run.
      expect(run.stderr).not.toContain("catalyst:");
    }
  });

  it("of a link that is no longer good says so to the shell that runs it", async () => {
    const answer = await world.call("GET", `/api/deploy/catd_${"x".repeat(43)}`);
    expect(answer.status).toBe(404);
    const run = spawnSync("bash", [], { input: answer.text, encoding: "utf8" });
    expect(run.status).toBe(1);
    expect(run.stderr).toContain("expired");
  });
});

describe("the agent's routes", () => {
  it("give the whole spec of the node and nothing of another", async () => {
    const id = await world.server(admin, { nodeId, environment: { GREETING: "salut" } });
    const spec = nodeSpecSchema.parse((await agent("/api/agent/spec")).data);
    expect(spec.servers.map((server) => server.id)).toEqual([id]);
    expect(spec.servers[0]).toMatchObject({
      environment: { GREETING: "salut" },
      allocations: [{ ip: "0.0.0.0", port: 25565, isPrimary: true }],
      desiredPower: "stopped",
      memoryMb: 128,
    });
    const [node] = await world.query<{ spec_generation: string }>("select spec_generation from nodes where id = $1", [
      nodeId,
    ]);
    expect(spec.generation).toBe(Number(node!.spec_generation));
  });

  it("believe a secret for its own node alone, whatever headers come with it", async () => {
    const other = nodeId;
    await world.must("POST", "/api/nodes", { as: admin, body: nodeBody(`other-${count}`) });
    const [stranger] = await world.query<{ id: string }>("select id from nodes where name = $1", [`other-${count}`]);
    const forged = {
      [HUB_IDENTITY_HEADER]: JSON.stringify({ role: "agent", nodeId: stranger!.id, specGeneration: 9 }),
    };
    for (const path of ["/api/agent/spec", "/api/agent/connect"]) {
      expect((await agent(path, { node: stranger!.id, headers: { upgrade: "websocket", ...forged } })).status).toBe(
        401,
      );
      expect((await agent(path, { secret: admin.token, headers: { upgrade: "websocket" } })).status).toBe(401);
    }
    expect(world.hubs.of(stranger!.id).identities).toEqual([]);
    await agent("/api/agent/connect", { node: other, headers: { upgrade: "websocket", ...forged } });
    expect(world.hubs.of(other).identities).toEqual([{ role: "agent", nodeId: other, specGeneration: 0 }]);
  });

  it("end the old secret at once when it is rotated, or after the grace that was asked for", async () => {
    const rotate = (body: object) =>
      world.must<{ secret: string }>("POST", `/api/nodes/${nodeId}/rotate-secret`, { as: admin, body });
    const first = await rotate({ graceSeconds: 60 });
    expect((await agent("/api/agent/spec")).status).toBe(200);
    world.clock.offsetMs = 61_000;
    expect((await agent("/api/agent/spec")).status).toBe(401);
    world.clock.offsetMs = 0;
    const second = await rotate({});
    expect((await agent("/api/agent/spec", { secret: first.secret })).status).toBe(401);
    expect((await agent("/api/agent/spec", { secret: second.secret })).status).toBe(200);
  });
});

describe("allocations", () => {
  const call = (method: string, path = "", body?: unknown) =>
    world.call<{ id: string; port: number }[]>(method, `/api/nodes/${nodeId}/allocations${path}`, { as: admin, body });

  it("are made by range, listed in pages, and not twice", async () => {
    expect((await call("POST", "", { ports: "30000-30009", notes: "row" })).status).toBe(201);
    expect((await call("POST", "", { ports: "30000-30009" })).body.code).toBe("CONFLICT");
    const first = await call("GET", "?limit=7");
    const rest = await call("GET", `?limit=7&cursor=${first.body.page!.nextCursor}`);
    const ports = [...first.data, ...rest.data].map((allocation) => allocation.port);
    expect(ports).toEqual(Array.from({ length: 10 }, (_, index) => 30_000 + index));
    expect(rest.body.page!.nextCursor).toBeNull();
  });

  it.each(["70000", "5-1", "1-65535", "0"])("refuse %s", async (ports) => {
    expect((await call("POST", "", { ports })).status).toBe(400);
  });

  it("cannot be taken away from a server", async () => {
    await world.server(admin, { nodeId });
    const [used] = (await call("GET")).data;
    expect((await call("DELETE", `/${used!.id}`)).body.code).toBe("CONFLICT");
  });
});
