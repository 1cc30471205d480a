import type { ServerDetail } from "../../../protocol/api/servers.ts";
import type { ResourceStats } from "../../../protocol/frames/shared.ts";
import { formatBytes, formatDuration, formatPercent } from "../../components/formatting.ts";
import { Sparkline } from "../../components/sparkline.tsx";
import { Card } from "../../components/ui/card.tsx";
import { limitWords } from "./disk-words.ts";
import { networkRates } from "./network-rates.ts";
import { STATS_KEPT } from "./use-live-server.ts";

const MB = 1024 * 1024;

interface StatsPanelProps {
  server: ServerDetail;
  /** Oldest first. */
  stats: readonly ResourceStats[];
  latest: ResourceStats | undefined;
}

/** Live figures of the last two minutes. */
export function StatsPanel({ server, stats, latest }: StatsPanelProps) {
  const memoryLimit = latest?.memoryLimitBytes || server.allocatedMemoryMb * MB;
  const diskLimit = latest?.diskLimitBytes || server.allocatedDiskMb * MB;
  const cpuLimit = server.allocatedCpuCores * 100;
  const rates = networkRates(stats);
  const rate = rates.at(-1);
  return (
    <div className="grid grid-cols-2 gap-3 lg:grid-cols-1 lg:content-start">
      <Figure
        label="CPU"
        value={latest ? formatPercent(latest.cpuPercent) : null}
        of={`of ${cpuLimit} %`}
        values={stats.map((sample) => sample.cpuPercent)}
        max={cpuLimit}
      />
      <Figure
        label="Memory"
        value={latest ? formatBytes(latest.memoryBytes) : null}
        of={`of ${formatBytes(memoryLimit)}`}
        values={stats.map((sample) => sample.memoryBytes)}
        max={memoryLimit}
      />
      <Figure
        label="Network"
        value={rate ? `↓ ${formatBytes(rate.receivedPerSecond)}/s` : null}
        of={rate ? `↑ ${formatBytes(rate.sentPerSecond)}/s` : ""}
        values={rates.map((sample) => sample.receivedPerSecond + sample.sentPerSecond)}
      />
      <Figure
        label="Disk"
        value={latest ? formatBytes(latest.diskBytes) : null}
        of={limitWords(formatBytes(diskLimit), latest ?? {})}
        values={stats.map((sample) => sample.diskBytes)}
        max={diskLimit}
        note={latest?.diskNotice}
      />
      <p className="px-1 text-subtle text-xs tabular-nums max-lg:col-span-2">
        {latest && latest.uptimeMs > 0
          ? `Up for ${formatDuration(latest.uptimeMs)} · ${latest.processCount} ${latest.processCount === 1 ? "process" : "processes"}`
          : server.status === "running"
            ? "Waiting for figures from the node"
            : "Figures appear while the server runs"}
      </p>
    </div>
  );
}

function Figure({
  label,
  value,
  of,
  values,
  max,
  note,
}: {
  label: string;
  value: string | null;
  of: string;
  values: readonly number[];
  max?: number;
  note?: string | null | undefined;
}) {
  return (
    <Card className="overflow-hidden" aria-label={label}>
      <div className="px-4 pt-3">
        <p className="text-subtle text-xs">{label}</p>
        <p className="flex flex-wrap items-baseline gap-x-1.5">
          <span className="whitespace-nowrap font-semibold text-[17px] tabular-nums leading-6">{value ?? "–"}</span>
          <span className="whitespace-nowrap text-faint text-xs tabular-nums">{of}</span>
        </p>
        {note && <p className="text-pretty text-subtle text-xs">{note}</p>}
      </div>
      <Sparkline values={values} max={max} capacity={STATS_KEPT} className="mt-1 block h-10 w-full" />
    </Card>
  );
}
