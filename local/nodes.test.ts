import { tmpdir } from "node:os";
import { expect, it } from "vitest";
import { createNodeBodySchema } from "../protocol/api/nodes.ts";
import { nodeTraits } from "./nodes.ts";

const portsOf = (index: number) => {
  const [from, to] = (nodeTraits(index, 3, "127.0.0.1", tmpdir()).ports ?? "25565-25614").split("-").map(Number);
  return { from: from!, to: to! };
};

it("gives nodes of one machine ports that do not overlap", () => {
  expect(portsOf(0).to).toBeLessThan(portsOf(1).from);
  expect(portsOf(1).to).toBeLessThan(portsOf(2).from);
});

it("opens game ports to the network only when the panel is", () => {
  expect(nodeTraits(0, 1, "127.0.0.1", tmpdir())).toMatchObject({
    bindAddress: "127.0.0.1",
    publicAddress: "127.0.0.1",
  });
  expect(nodeTraits(0, 1, "0.0.0.0", tmpdir()).bindAddress).toBe("0.0.0.0");
  expect(nodeTraits(0, 1, "192.0.2.7", tmpdir()).publicAddress).toBe("192.0.2.7");
});

it("promises no more than the machine has, and what the API takes", () => {
  const one = nodeTraits(0, 1, "127.0.0.1", tmpdir());
  const four = nodeTraits(0, 4, "127.0.0.1", tmpdir());
  expect(four.maxMemoryMb * 4).toBeLessThanOrEqual(one.maxMemoryMb);
  const { ports: _, ...body } = four;
  const parsed = createNodeBodySchema.safeParse({ ...body, name: body.id, locationId: "local", hostname: "localhost" });
  expect(parsed.error).toBeUndefined();
});
