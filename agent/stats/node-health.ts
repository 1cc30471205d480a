/** The node's own figures, in the units of the seed's health report. */
import { readFileSync } from "node:fs";
import { statfs } from "node:fs/promises";
import { loadavg, uptime } from "node:os";
import type { HealthReport } from "../../protocol/frames/shared.ts";
import { CpuMeter } from "./cpu-times.ts";
import { memoryField } from "./meminfo.ts";

const MB = 1024 * 1024;
const round = (value: number) => Math.round(value * 10) / 10;

function memoryMb(): { usedMb: number; totalMb: number } {
  const text = readFileSync("/proc/meminfo", "utf8");
  const totalMb = memoryField(text, "MemTotal");
  return { usedMb: totalMb - memoryField(text, "MemAvailable"), totalMb };
}

export class NodeHealth {
  readonly #nodeId: string;
  readonly #dataDir: string;
  readonly #cpu = new CpuMeter();

  constructor(nodeId: string, dataDir: string) {
    this.#nodeId = nodeId;
    this.#dataDir = dataDir;
  }

  /** @param containerCount game servers that run. */
  async report(containerCount: number): Promise<HealthReport> {
    const disk = await statfs(this.#dataDir);
    const memory = memoryMb();
    return {
      type: "health_report",
      nodeId: this.#nodeId,
      cpuPercent: round(this.#cpu.percent()),
      memoryUsageMb: Math.round(memory.usedMb),
      memoryTotalMb: Math.round(memory.totalMb),
      diskUsageMb: Math.round(((disk.blocks - disk.bfree) * disk.bsize) / MB),
      diskTotalMb: Math.round((disk.blocks * disk.bsize) / MB),
      containerCount,
      uptimeSeconds: Math.round(uptime()),
      loadAverage: loadavg().map((load) => Math.round(load * 100) / 100),
      agentMemoryMb: round(process.memoryUsage.rss() / MB),
      timestamp: Date.now(),
    };
  }
}
