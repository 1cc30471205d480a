/** What of a server's settings waits for its next start, in words. Pure. */
import type { PendingChange } from "../../../protocol/resource-limits.ts";

const NAMES: Record<string, string> = {
  allocatedMemoryMb: "memory",
  memoryHeadroomMb: "memory head-room",
  swapMb: "swap",
  allocatedCpuCores: "CPU",
  cpuPinning: "CPU pinning",
  ioWeight: "I/O weight",
  pidsLimit: "processes",
  openFilesLimit: "open files",
  image: "image",
  startup: "startup command",
  environment: "startup settings",
  configFiles: "config files",
  networkMode: "network mode",
  pool: "address pool",
  allocations: "ports",
};

const nameOf = (field: string): string => NAMES[field] ?? field;

/** One sentence for all that has no reason of its own, then each reason; null when nothing waits. */
export function pendingWords(changes: readonly PendingChange[]): { summary: string; reasons: string[] } | null {
  if (changes.length === 0) return null;
  const names = [...new Set(changes.map(({ field }) => nameOf(field)))];
  const reasons = [...new Set(changes.flatMap(({ reason }) => reason ?? []))];
  return { summary: `Takes effect at the next start: ${names.join(", ")}.`, reasons };
}
