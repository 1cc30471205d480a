import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { type Person, World } from "../../testing/world.ts";

let world: World;
let owner: Person;
let friend: Person;
let id: string;

beforeAll(async () => {
  world = await World.create();
  owner = await world.person("owner");
  friend = await world.person("friend");
  await world.node();
  await world.template("echo");
});
afterAll(() => world.close());
beforeEach(async () => {
  id = await world.server(owner, { allocatedMemoryMb: 16, allocatedCpuCores: 0.05 });
});

const give = (permissions: string[]) =>
  world.call("POST", `/api/servers/${id}/access`, { as: owner, body: { userId: friend.id, permissions } });
const change = (permissions: string[]) =>
  world.call("PATCH", `/api/servers/${id}/access/${friend.id}`, { as: owner, body: { permissions } });
const take = () => world.call("DELETE", `/api/servers/${id}/access/${friend.id}`, { as: owner });
const audited = async () =>
  (
    await world.query<{ action: string; details: unknown }>(
      "select action, details from audit_log where server_id = $1 and action like 'access.%' order by at, id",
      [id],
    )
  ).map(({ action, details }) => [action, details]);

it("what is done with a grant is audited, what is refused is not", async () => {
  const statuses = [];
  const asked = [
    () => give(["server.read"]),
    () => give(["server.read", "server.start"]),
    () => change(["server.stop"]),
    () => take(),
    () => take(),
    () => change(["server.read"]),
  ];
  for (const ask of asked) statuses.push((await ask()).status);
  expect(statuses).toEqual([201, 409, 200, 200, 404, 404]);
  expect(await audited()).toEqual([
    ["access.create", { username: "friend", permissions: ["server.read"] }],
    ["access.update", { username: "friend", from: ["server.read"], to: ["server.stop"] }],
    ["access.delete", { username: "friend" }],
  ]);
});

it("of several who do the same at one moment one is told so, and audited", async () => {
  const many = <T>(ask: () => Promise<T>) => Promise.all(Array.from({ length: 5 }, ask));
  const statuses = async (ask: () => Promise<{ status: number }>) =>
    (await many(ask)).map(({ status }) => status).sort((a, b) => a - b);
  expect(await statuses(() => give(["server.read"]))).toEqual([201, 409, 409, 409, 409]);
  expect(await statuses(take)).toEqual([200, 404, 404, 404, 404]);
  expect((await audited()).map(([action]) => action)).toEqual(["access.create", "access.delete"]);
});
