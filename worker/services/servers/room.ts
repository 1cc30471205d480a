import { type SQL, sql } from "drizzle-orm";
import { Refusal } from "../../errors.ts";

export interface Limits {
  memoryMb: number;
  /** Taken from the node like the memory itself. */
  memoryHeadroomMb: number;
  cpuCores: number;
  diskMb: number;
}

/**
 * Takes the node's row lock for the rest of the batch. What is left of a node is then counted by the next statement,
 * which sees everything committed before the lock was given: two creations cannot both take the last of it.
 */
export const lockNode = (nodeId: string) => sql`select id from nodes where id = ${nodeId} for update`;

/** What the node has left for a server, not counting that server itself: one row (memory, cpu, disk) or none. */
export const roomOn = (nodeId: string, exceptServerId: string): SQL => sql`
  select n.max_memory_mb * n.memory_overcommit - coalesce(sum(s.memory_mb + s.memory_headroom_mb), 0) as memory,
    n.max_cpu_cores * n.cpu_overcommit - coalesce(sum(s.cpu_cores), 0) as cpu,
    n.max_disk_mb * n.disk_overcommit - coalesce(sum(s.disk_mb), 0) as disk
  from nodes n left join servers s on s.node_id = n.id and s.id <> ${exceptServerId}
  where n.id = ${nodeId} group by n.id`;

/** Whether `room` holds these limits. CPU shares are compared with a crumb of tolerance for binary fractions. */
export const holds = ({ memoryMb, memoryHeadroomMb, cpuCores, diskMb }: Limits): SQL =>
  sql`room.memory >= ${memoryMb + memoryHeadroomMb}::int and room.cpu + 1e-9 >= ${cpuCores}::float8 and room.disk >= ${diskMb}::int`;

export interface Room {
  memory: number;
  cpu: number;
  disk: number;
}

const headroomWords = ({ memoryHeadroomMb }: Limits) =>
  memoryHeadroomMb > 0 ? ` (${memoryHeadroomMb} of them head-room)` : "";

/** Says what the node lacks, or returns null when it lacks nothing. */
export function shortage(room: Room, wanted: Limits): Refusal | null {
  const memoryMb = wanted.memoryMb + wanted.memoryHeadroomMb;
  const lacks: [string, string, number, number, string][] = [
    ["allocatedMemoryMb", "memory", memoryMb, Math.floor(room.memory), "MiB"],
    ["allocatedCpuCores", "CPU", wanted.cpuCores, Math.round(room.cpu * 100) / 100, "cores"],
    ["allocatedDiskMb", "disk", wanted.diskMb, Math.floor(room.disk), "MiB"],
  ];
  const details = lacks
    .filter(([, , asked, left]) => asked > left)
    .map(([path, what, asked, left, unit]) => ({
      path,
      message: `the node has ${Math.max(0, left)} ${unit} of ${what} left, ${asked} were asked for${path === "allocatedMemoryMb" ? headroomWords(wanted) : ""}`,
    }));
  const [first] = details;
  return first ? new Refusal("INSUFFICIENT_RESOURCES", `Not enough room: ${first.message}.`, { details }) : null;
}
