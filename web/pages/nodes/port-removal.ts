/** What came of removing a range of ports, in words. Pure. */

const counted = (count: number) => `${count} ${count === 1 ? "port" : "ports"}`;

export function removalWords({ deleted, inUse }: { deleted: number; inUse: number }): string {
  if (deleted === 0 && inUse === 0) return "The node has no port of this range.";
  const stayed = `${counted(inUse)} ${inUse === 1 ? "is used by a server and stays" : "are used by servers and stay"}.`;
  if (deleted === 0) return `Nothing was removed: ${stayed}`;
  const removed = `${counted(deleted)} ${deleted === 1 ? "was" : "were"} removed.`;
  return inUse === 0 ? removed : `${removed} ${stayed}`;
}
