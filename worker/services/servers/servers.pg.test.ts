import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Person, World } from "../../testing/world.ts";

let world: World;
let admin: Person;
let owner: Person;
let stranger: Person;

beforeAll(async () => {
  world = await World.create();
  admin = await world.person("admin", ["Administrator"]);
  owner = await world.person("owner");
  stranger = await world.person("stranger");
  await world.node();
  await world.template();
});
afterAll(() => world.close());

const body = (changes: Record<string, unknown> = {}) => ({
  name: "survival",
  templateId: "echo",
  nodeId: "node-1",
  allocatedMemoryMb: 128,
  allocatedCpuCores: 0.1,
  allocatedDiskMb: 128,
  ...changes,
});

describe("creating a server", () => {
  it("answers with the server, takes the next free port and bumps the node's generation", async () => {
    const answer = await world.call<Record<string, unknown>>("POST", "/api/servers", { as: owner, body: body() });
    expect(answer.status, answer.text).toBe(201);
    expect(answer.data).toMatchObject({
      name: "survival",
      status: "stopped",
      primaryPort: 25565,
      connectAddress: "203.0.113.7:25565",
      environment: { GREETING: "hello" },
      permissions: ["*"],
    });
    const hub = world.hubs.of("node-1");
    await world.until("the hub is told", () => hub.generations.length > 0);
    const [node] = await world.query<{ spec_generation: string }>("select spec_generation from nodes");
    expect(hub.generations.at(-1)).toBe(Number(node!.spec_generation));
    const audit = await world.query("select action, actor_id from audit_log where server_id = $1", [answer.data.id]);
    expect(audit).toEqual([{ action: "server.create", actor_id: owner.id }]);
  });

  it("is listed for its owner and for administrators, and for nobody else", async () => {
    const id = await world.server(owner, { name: "listed" });
    const seen = async (person: Person) =>
      (await world.must<{ id: string }[]>("GET", "/api/servers", { as: person })).some((server) => server.id === id);
    expect(await seen(owner)).toBe(true);
    expect(await seen(admin)).toBe(true);
    expect(await seen(stranger)).toBe(false);
  });
});
