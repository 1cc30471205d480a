/** Lists of CPUs as the kernel writes them: `0-3,7`. Pure. */

/** Far more than any machine has; keeps a list of a few characters from meaning millions of CPUs. */
const CPU_MAX = 1023;
const PART = /^(\d{1,4})(?:-(\d{1,4}))?$/;

/** What is wrong with a list, or null. */
export function cpuListDefect(text: string): string | null {
  for (const part of text.split(",")) {
    const match = PART.exec(part.trim());
    if (!match) return "name CPUs such as 0-1,3";
    const first = Number(match[1]);
    const last = Number(match[2] ?? match[1]);
    if (last > CPU_MAX) return `has CPUs beyond ${CPU_MAX}`;
    if (last < first) return `has a range that runs backwards: ${first}-${last}`;
  }
  return null;
}

/** The CPUs of a list without a defect, ascending and each once. */
export function parseCpuList(text: string): number[] {
  const cpus = new Set<number>();
  for (const part of text.split(",")) {
    const match = PART.exec(part.trim());
    if (!match) continue;
    const last = Math.min(Number(match[2] ?? match[1]), CPU_MAX);
    for (let cpu = Number(match[1]); cpu <= last; cpu++) cpus.add(cpu);
  }
  return [...cpus].sort((a, b) => a - b);
}

export function formatCpuList(cpus: readonly number[]): string {
  const parts: string[] = [];
  for (let i = 0; i < cpus.length; i++) {
    const first = cpus[i]!;
    while (i + 1 < cpus.length && cpus[i + 1] === cpus[i]! + 1) i++;
    const last = cpus[i]!;
    parts.push(first === last ? `${first}` : `${first}-${last}`);
  }
  return parts.join(",");
}

/** The shortest way to write the same CPUs; a list with a defect stays as it is. */
export const normalCpuList = (text: string): string =>
  cpuListDefect(text) === null ? formatCpuList(parseCpuList(text)) : text;
