/** CPU use of the whole machine between two looks. */
import { cpus } from "node:os";

interface CpuTimes {
  busyMs: number;
  totalMs: number;
}

function cpuTimes(): CpuTimes {
  let busyMs = 0;
  let totalMs = 0;
  for (const { times } of cpus()) {
    const all = times.user + times.nice + times.sys + times.idle + times.irq;
    totalMs += all;
    busyMs += all - times.idle;
  }
  return { busyMs, totalMs };
}

/** Measures from one call to the next; the first one since the start of the machine. */
export class CpuMeter {
  #before: CpuTimes = { busyMs: 0, totalMs: 0 };

  /** 100 is the whole machine. */
  percent(): number {
    const now = cpuTimes();
    const total = now.totalMs - this.#before.totalMs;
    const busy = now.busyMs - this.#before.busyMs;
    this.#before = now;
    return total > 0 ? Math.min(100, Math.max(0, (busy / total) * 100)) : 0;
  }
}
