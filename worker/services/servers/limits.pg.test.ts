import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Person, World } from "../../testing/world.ts";

let world: World;
let admin: Person;
let owner: Person;
/** Of the node. */
let secret: string;

beforeAll(async () => {
  world = await World.create();
  admin = await world.person("admin", ["Administrator"]);
  owner = await world.person("owner");
  await world.node();
  await world.template();
  await world.template("java", { memoryHeadroomPercent: 15, stopTimeoutSeconds: 60 });
  secret = await world.nodeSecret();
});
afterAll(() => world.close());

interface Detail {
  memoryHeadroomMb: number;
  hasOwnHeadroom: boolean;
  pendingRestart: unknown[];
}
const change = (id: string, body: unknown, as = admin) =>
  world.call<Detail>("PATCH", `/api/servers/${id}`, { as, body });
/** What the node's agent is told of a server. */
const specOf = async (id: string) => {
  const { servers } = await world.spec(secret);
  return servers.find((server) => server.id === id)!;
};
const allocatedMb = async (nodeId = "node-1") =>
  (await world.must<{ allocatedMemoryMb: number }>("GET", `/api/nodes/${nodeId}`, { as: admin })).allocatedMemoryMb;

describe("head-room", () => {
  it("follows the template and the memory until somebody chooses it", async () => {
    const id = await world.server(owner, { templateId: "java", allocatedMemoryMb: 1024 });
    const get = () => world.must<Detail>("GET", `/api/servers/${id}`, { as: owner });
    expect(await get()).toMatchObject({ memoryHeadroomMb: 256, hasOwnHeadroom: false });
    await change(id, { allocatedMemoryMb: 4096 });
    expect(await get()).toMatchObject({ memoryHeadroomMb: 615, hasOwnHeadroom: false });
    await change(id, { memoryHeadroomMb: 100 });
    await change(id, { allocatedMemoryMb: 2048 });
    expect(await get()).toMatchObject({ memoryHeadroomMb: 100, hasOwnHeadroom: true });
    await change(id, { memoryHeadroomMb: null });
    expect(await get()).toMatchObject({ memoryHeadroomMb: 308, hasOwnHeadroom: false });
    expect(await specOf(id)).toMatchObject({ memoryMb: 2048, memoryHeadroomMb: 308 });
  });

  it("is none for a template that asks for none", async () => {
    const id = await world.server(owner);
    expect(await world.must("GET", `/api/servers/${id}`, { as: owner })).toMatchObject({ memoryHeadroomMb: 0 });
  });

  it("is counted against the node, like the memory itself", async () => {
    const before = await allocatedMb();
    const id = await world.server(owner, { templateId: "java", allocatedMemoryMb: 1024 });
    expect((await allocatedMb()) - before).toBe(1280);
    await world.node("narrow", { memoryMb: 1200 });
    const refused = await world.call("POST", "/api/servers", {
      as: owner,
      body: {
        name: "x",
        templateId: "java",
        nodeId: "narrow",
        allocatedMemoryMb: 1024,
        allocatedCpuCores: 0.1,
        allocatedDiskMb: 100,
      },
    });
    expect(refused.body.code).toBe("INSUFFICIENT_RESOURCES");
    expect(refused.body.error).toContain("1200 MiB of memory left, 1280 were asked for (256 of them head-room)");
    await change(id, { memoryHeadroomMb: 0 });
    expect((await allocatedMb()) - before).toBe(1024);
  });

  it("that grows needs room on the node", async () => {
    await world.node("full", { memoryMb: 256 });
    const id = await world.server(owner, { nodeId: "full", allocatedMemoryMb: 200 });
    expect((await change(id, { memoryHeadroomMb: 57 })).body.code).toBe("INSUFFICIENT_RESOURCES");
    expect((await change(id, { memoryHeadroomMb: 56 })).status).toBe(200);
    expect((await change(id, { name: "still changes" })).status).toBe(200);
  });
});

describe("further limits", () => {
  it("reach the node's spec as they were asked for, and go back to what they were", async () => {
    const id = await world.server(owner, { templateId: "java" });
    const asked = {
      swapMb: 512,
      cpuPinning: "1,0",
      ioWeight: 200,
      pidsLimit: 100,
      openFilesLimit: 2048,
      stopTimeoutSeconds: 5,
    };
    const settled = { ...asked, cpuPinning: "0-1" };
    expect((await change(id, asked)).data).toMatchObject(settled);
    expect(await specOf(id)).toMatchObject(settled);
    await change(id, { swapMb: 0, cpuPinning: null, ioWeight: null, stopTimeoutSeconds: null });
    expect(await specOf(id)).toMatchObject({ swapMb: 0, cpuPinning: null, ioWeight: null, stopTimeoutSeconds: 60 });
  });

  it("are for administrators where they are taken from other servers", async () => {
    const id = await world.server(owner);
    for (const body of [{ swapMb: 1 }, { cpuPinning: "0" }, { ioWeight: 10 }]) {
      expect((await change(id, body, owner)).body.code).toBe("PERMISSION_DENIED");
    }
    for (const body of [
      { pidsLimit: 64 },
      { openFilesLimit: 128 },
      { stopTimeoutSeconds: 9 },
      { memoryHeadroomMb: 1 },
    ]) {
      expect((await change(id, body, owner)).status).toBe(200);
    }
    const helper = await world.person("helper");
    await world.must("POST", `/api/servers/${id}/access`, {
      as: owner,
      body: { userId: helper.id, permissions: ["server.read", "startup.update"] },
    });
    expect((await change(id, { pidsLimit: 32 }, helper)).status).toBe(403);
    expect((await change(id, { stopTimeoutSeconds: 8 }, helper)).status).toBe(200);
  });
});

describe("a node's promises", () => {
  it("are bounded by its overcommitment, for memory, CPU and disk, and what is left is told", async () => {
    await world.node("promising", { memoryMb: 1000, cpuCores: 2, diskMb: 1000 });
    const node = () => world.must<Record<string, number>>("GET", "/api/nodes/promising", { as: admin });
    const set = (body: unknown) => world.must("PATCH", "/api/nodes/promising", { as: admin, body });
    await set({ memoryOvercommit: 1.5, cpuOvercommit: 2, diskOvercommit: 1.5 });
    expect(await node()).toMatchObject({ freeMemoryMb: 1500, freeCpuCores: 4, freeDiskMb: 1500 });
    const id = await world.server(owner, {
      nodeId: "promising",
      allocatedMemoryMb: 1200,
      allocatedCpuCores: 3,
      allocatedDiskMb: 1400,
    });
    expect(await node()).toMatchObject({ freeMemoryMb: 300, freeCpuCores: 1, freeDiskMb: 100 });
    const refused = await change(id, { allocatedDiskMb: 1501 });
    expect(refused.body.error).toContain("1500 MiB of disk left, 1501 were asked for");
    // Promises that were made stay, and nothing more is promised.
    await set({ memoryOvercommit: 1, cpuOvercommit: 1, diskOvercommit: 1 });
    expect(await node()).toMatchObject({ freeMemoryMb: 0, freeCpuCores: 0, freeDiskMb: 0, allocatedDiskMb: 1400 });
  });
});
