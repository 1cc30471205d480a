import { expect, it } from "vitest";
import { parseSuperblock } from "./superblock.ts";

function superblock({ blocks = 1000, high = 0, logBlockSize = 2, features = 0, state = 1, magic = 0xef53 }): Buffer {
  const bytes = Buffer.alloc(1024);
  bytes.writeUInt32LE(blocks, 0x4);
  bytes.writeUInt32LE(logBlockSize, 0x18);
  bytes.writeUInt16LE(magic, 0x38);
  bytes.writeUInt16LE(state, 0x3a);
  bytes.writeUInt32LE(features, 0x60);
  bytes.writeUInt32LE(high, 0x150);
  return bytes;
}

it("tells size and errors", () => {
  expect(parseSuperblock(superblock({}))).toEqual({ sizeBytes: 4_096_000, hasErrors: false });
  expect(parseSuperblock(superblock({ state: 3, logBlockSize: 0 }))).toEqual({ sizeBytes: 1_024_000, hasErrors: true });
});

it("takes the upper half of the size only where the file system has one", () => {
  const blocks = { blocks: 1, high: 1 };
  expect(parseSuperblock(superblock({ ...blocks, features: 0x80 }))?.sizeBytes).toBe((2 ** 32 + 1) * 4096);
  expect(parseSuperblock(superblock(blocks))?.sizeBytes).toBe(4096);
});

it("takes nothing else for one", () => {
  expect(parseSuperblock(Buffer.alloc(1024))).toBeNull();
  expect(parseSuperblock(Buffer.alloc(0))).toBeNull();
  expect(parseSuperblock(superblock({ magic: 0xef54 }))).toBeNull();
  expect(parseSuperblock(superblock({ logBlockSize: 40 }))).toBeNull();
});
