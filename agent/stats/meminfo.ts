/** A field of `/proc/meminfo` in MiB, not rounded; 0 where the kernel has no such field. */
export function memoryField(meminfo: string, name: string): number {
  return Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(meminfo)?.[1] ?? 0) / 1024;
}
