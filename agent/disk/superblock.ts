/** The few facts of an ext4 file system that its superblock tells, read without any program. */
import { open } from "node:fs/promises";

const OFFSET_BYTES = 1024;
const SIZE_BYTES = 1024;
const MAGIC = 0xef53;
const STATE_HAS_ERRORS = 2;
const FEATURE_64BIT = 0x80;
/** The smallest block; the size on disk is a power of two over it. */
const BLOCK_MIN_BYTES = 1024;
const LOG_BLOCK_SIZE_MAX = 6;

export interface Superblock {
  sizeBytes: number;
  /** The kernel or a check found something wrong that is not repaired yet. */
  hasErrors: boolean;
}

/** Null when this is no ext4 superblock. Layout: the kernel's `Documentation/filesystems/ext4/super.rst`. */
export function parseSuperblock(bytes: Buffer): Superblock | null {
  if (bytes.length < SIZE_BYTES || bytes.readUInt16LE(0x38) !== MAGIC) return null;
  const logBlockSize = bytes.readUInt32LE(0x18);
  if (logBlockSize > LOG_BLOCK_SIZE_MAX) return null;
  const has64Bit = (bytes.readUInt32LE(0x60) & FEATURE_64BIT) !== 0;
  const blocks = bytes.readUInt32LE(0x4) + (has64Bit ? bytes.readUInt32LE(0x150) * 2 ** 32 : 0);
  return {
    sizeBytes: blocks * BLOCK_MIN_BYTES * 2 ** logBlockSize,
    hasErrors: (bytes.readUInt16LE(0x3a) & STATE_HAS_ERRORS) !== 0,
  };
}

/** @param device an image that is not mounted, or the block device of one that is: there the kernel's own copy is seen. */
export async function readSuperblock(device: string): Promise<Superblock | null> {
  const file = await open(device, "r");
  try {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(SIZE_BYTES), 0, SIZE_BYTES, OFFSET_BYTES);
    return parseSuperblock(buffer.subarray(0, bytesRead));
  } finally {
    await file.close();
  }
}
