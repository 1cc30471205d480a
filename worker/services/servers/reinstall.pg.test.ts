import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { ServerDetail } from "../../../protocol/api/servers.ts";
import { type Person, World } from "../../testing/world.ts";

let world: World;
let owner: Person;
let admin: Person;
let nodeSecret: string;
let id: string;

beforeAll(async () => {
  world = await World.create();
  owner = await world.person("owner");
  admin = await world.person("admin", ["Administrator"]);
  await world.node();
  await world.template("echo", { installScript: "true" });
  nodeSecret = await world.nodeSecret();
});
afterAll(() => world.close());
beforeEach(async () => {
  id = await world.server(owner, { allocatedMemoryMb: 16, allocatedCpuCores: 0.05 });
});

const post = (path: string, body?: unknown, as = owner) =>
  world.call("POST", `/api/servers/${id}/${path}`, { as, ...(body !== undefined && { body }) });
async function spec() {
  const { servers } = await world.spec(nodeSecret);
  return servers.find((server) => server.id === id)!;
}
/** What the node reported. */
const observe = (state: string, installedGeneration: number) =>
  world.query(
    `insert into server_observed (server_id, state, installed_generation, observed_at) values ($1, $2, $3, now())
     on conflict (server_id) do update set state = excluded.state, installed_generation = excluded.installed_generation`,
    [id, state, installedGeneration],
  );
const audit = () =>
  world.query<{ action: string; details: unknown }>(
    "select action, details from audit_log where server_id = $1 and action <> 'server.create' order by id",
    [id],
  );

describe("a reinstall", () => {
  it("keeps the files unless it is told not to", async () => {
    expect((await post("reinstall")).status).toBe(202);
    expect((await post("install")).status).toBe(202);
    expect((await post("reinstall", { wipe: false })).status).toBe(202);
    expect(await spec()).toMatchObject({ installGeneration: 4, wipeGeneration: 0, installAsRoot: true });
    expect(await audit()).toEqual(Array(3).fill({ action: "server.reinstall", details: { wipe: false } }));
  });

  it("tells the node to delete the files before exactly its install, until that is known to be done", async () => {
    await observe("stopped", 1);
    expect((await post("reinstall", { wipe: true })).status).toBe(202);
    expect(await spec()).toMatchObject({ installGeneration: 2, wipeGeneration: 2 });
    // One that keeps the files, asked for before the node did the other, takes nothing back.
    expect((await post("reinstall")).status).toBe(202);
    expect(await spec()).toMatchObject({ installGeneration: 3, wipeGeneration: 2 });
    await observe("stopped", 3);
    expect(await spec()).toMatchObject({ installGeneration: 3, wipeGeneration: 0 });
    expect((await post("reinstall", { wipe: true })).status).toBe(202);
    expect(await spec()).toMatchObject({ installGeneration: 4, wipeGeneration: 4 });
    expect((await audit()).map(({ details }) => details)).toEqual([{ wipe: true }, { wipe: false }, { wipe: true }]);
  });

  it.each([[{ wipe: "yes" }], [{ wipe: 1 }], [{ wipe: true, more: 1 }], [[]]])(
    "is refused when %j is asked for",
    async (body) => {
      expect((await post("reinstall", body)).status).toBe(400);
      expect(await spec()).toMatchObject({ installGeneration: 1, wipeGeneration: 0 });
    },
  );

  it("that deletes files is for those who may delete files", async () => {
    const helper = await world.person("reinstaller");
    const permissions = ["server.read", "server.reinstall"];
    const access = `/api/servers/${id}/access`;
    await world.must("POST", access, { as: owner, body: { userId: helper.id, permissions } });
    expect((await post("reinstall", { wipe: true }, helper)).status).toBe(403);
    expect(await spec()).toMatchObject({ installGeneration: 1, wipeGeneration: 0 });
    expect((await post("reinstall", {}, helper)).status).toBe(202);
    await world.must("PATCH", `${access}/${helper.id}`, {
      as: owner,
      body: { permissions: [...permissions, "file.delete"] },
    });
    expect((await post("reinstall", { wipe: true }, helper)).status).toBe(202);
  });

  it("waits for a server that is at rest", async () => {
    for (const state of ["running", "starting", "stopping", "installing"]) {
      await observe(state, 1);
      expect((await post("reinstall", { wipe: true })).body.code).toBe("SERVER_ALREADY_RUNNING");
    }
    await observe("error", 1);
    expect((await post("reinstall")).status).toBe(202);
  });
});

describe("cancelling an install", () => {
  it("asks the node, and passes its refusal on", async () => {
    const hub = world.hubs.of("node-1");
    expect((await post("install/cancel")).body.code).toBe("NODE_OFFLINE");
    hub.agentConnected = true;
    hub.answer = () => ({ ok: true, data: { state: "installing", alreadyUnderWay: false } });
    expect((await post("install/cancel")).status).toBe(202);
    expect(hub.requests.at(-1)!.operation).toEqual({ op: "cancel_install", serverId: id });
    hub.answer = () => ({ ok: false, code: "CONFLICT", error: "This server is not being installed." });
    expect(await post("install/cancel")).toMatchObject({ status: 409, body: { code: "CONFLICT" } });
    expect((await audit()).map(({ action }) => action)).toEqual(["server.install.cancel"]);
  });
});

describe("a server's image", () => {
  const detail = () => world.must<ServerDetail>("GET", `/api/servers/${id}`, { as: owner });

  it("is one of its template's as it was installed, and the page is told which", async () => {
    expect(await detail()).toMatchObject({
      image: "busybox:stable",
      images: [
        { image: "busybox:stable", label: "busybox:stable" },
        { image: "busybox:other", label: "busybox:other" },
      ],
    });
    const choose = (image: string) => world.call("PATCH", `/api/servers/${id}`, { as: owner, body: { image } });
    expect((await choose("evil:latest")).body.details?.[0]?.path).toBe("image");
    expect((await choose("busybox:other")).status).toBe(200);
    expect((await spec()).image).toBe("busybox:other");
  });

  it("is fetched anew after it was asked for, by those who may choose it", async () => {
    const before = await spec();
    expect(before.imageRefreshAt).toBe(0);
    const helper = await world.person("watcher");
    await world.must("POST", `/api/servers/${id}/access`, {
      as: owner,
      body: { userId: helper.id, permissions: ["server.read", "startup.update"] },
    });
    expect((await post("image/refresh", undefined, helper)).status).toBe(403);
    expect((await post("image/refresh")).status).toBe(202);
    const after = await spec();
    expect(after.imageRefreshAt).toBeGreaterThan(Date.now() - 60_000);
    expect(after.version).toBe(before.version + 1);
    expect(after.installGeneration).toBe(before.installGeneration);
  });

  it("cannot begin as one that the template does not offer", async () => {
    const body = { name: "odd", image: "a:1", images: [{ name: "b", image: "b:1" }], startup: "cat" };
    const make = (defaultImage: string) =>
      world.call("POST", "/api/templates", { as: admin, body: { ...body, id: "odd", defaultImage } });
    expect((await make("c:1")).body.details?.[0]?.path).toBe("defaultImage");
    expect((await make("b:1")).status).toBe(201);
    const change = await world.call("PUT", "/api/templates/odd", { as: admin, body: { ...body, defaultImage: "c:1" } });
    expect(change.body.details?.[0]?.path).toBe("defaultImage");
  });
});
