/** Disks for tests of something else: plain folders that nobody measures. */
import type { Disks } from "../server-disks.ts";

export const PLAIN_DISKS: Disks = {
  settle: async () => undefined,
  prepare: async () => undefined,
  read: async ({ diskMb }) => ({ usedBytes: 0, limitBytes: diskMb * 2 ** 20, kind: "soft", state: "ok", notice: null }),
  release: async () => undefined,
};
