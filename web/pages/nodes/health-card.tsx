import { useEffect, useState } from "react";
import type { Node } from "../../../protocol/api/nodes.ts";
import type { HealthReport } from "../../../protocol/frames/shared.ts";
import { can, useMe } from "../../api/account.ts";
import { useNodeHealth } from "../../api/nodes.ts";
import { formatCores, formatDuration, formatMb, formatPercent } from "../../components/formatting.ts";
import { Meter } from "../../components/meter.tsx";
import { Sparkline } from "../../components/sparkline.tsx";
import { Card, CardBody, CardHeader } from "../../components/ui/card.tsx";

/** Five minutes at the page's polling interval. */
const HISTORY_KEPT = 60;

/** What the machine does now, and what of it is promised to servers. */
export function HealthCard({ node }: { node: Node }) {
  const me = useMe().data;
  const health = useNodeHealth(node.id, node.isOnline && can(me, "node.view_stats"));
  const report = node.isOnline ? health.data : undefined;
  const cpuHistory = useCpuHistory(report);
  return (
    <Card>
      <CardHeader
        title="Health"
        description={
          report
            ? `Up for ${formatDuration(report.uptimeSeconds * 1000)} · ${report.containerCount} running`
            : node.isOnline
              ? health.isError
                ? "The node did not answer."
                : "Asking the node"
              : "The node is offline. Its game servers may well be running."
        }
      />
      <CardBody className="grid gap-x-8 gap-y-6 md:grid-cols-2">
        <div className="space-y-4">
          <Meter
            label="CPU"
            value={report?.cpuPercent ?? 0}
            max={100}
            text={report ? formatPercent(report.cpuPercent) : "–"}
          />
          <Meter
            label="Memory"
            value={report?.memoryUsageMb ?? 0}
            max={report?.memoryTotalMb ?? 0}
            text={report ? `${formatMb(report.memoryUsageMb)} of ${formatMb(report.memoryTotalMb)}` : "–"}
          />
          <Meter
            label="Disk"
            value={report?.diskUsageMb ?? 0}
            max={report?.diskTotalMb ?? 0}
            text={report ? `${formatMb(report.diskUsageMb)} of ${formatMb(report.diskTotalMb)}` : "–"}
          />
        </div>
        <div className="flex flex-col">
          <p className="mb-1.5 flex justify-between text-xs">
            <span className="text-subtle">CPU, last five minutes</span>
            {report?.loadAverage && (
              <span className="tabular-nums">load {report.loadAverage.map((load) => load.toFixed(2)).join(" ")}</span>
            )}
          </p>
          <Sparkline
            values={cpuHistory}
            max={100}
            capacity={HISTORY_KEPT}
            className="h-full min-h-24 w-full rounded-lg border"
          />
        </div>
        <div className="grid gap-x-8 gap-y-4 border-t pt-5 sm:grid-cols-3 md:col-span-2">
          <Promised
            label="Memory"
            value={node.allocatedMemoryMb}
            max={node.maxMemoryMb * node.memoryOvercommit}
            free={formatMb(node.freeMemoryMb)}
            overcommit={node.memoryOvercommit}
          />
          <div>
            <Meter
              label="CPU promised"
              value={node.allocatedCpuCores}
              max={node.maxCpuCores * node.cpuOvercommit}
              text={`${Number(node.allocatedCpuCores.toFixed(2))} of ${Number((node.maxCpuCores * node.cpuOvercommit).toFixed(2))} cores`}
            />
            <Free text={formatCores(node.freeCpuCores)} overcommit={node.cpuOvercommit} />
          </div>
          <Promised
            label="Disk"
            value={node.allocatedDiskMb}
            max={node.maxDiskMb * node.diskOvercommit}
            free={formatMb(node.freeDiskMb)}
            overcommit={node.diskOvercommit}
          />
        </div>
      </CardBody>
    </Card>
  );
}

function Promised({
  label,
  value,
  max,
  free,
  overcommit,
}: {
  label: string;
  value: number;
  max: number;
  free: string;
  overcommit: number;
}) {
  return (
    <div>
      <Meter label={`${label} promised`} value={value} max={max} text={`${formatMb(value)} of ${formatMb(max)}`} />
      <Free text={free} overcommit={overcommit} />
    </div>
  );
}

/** What can still be promised, and how far beyond what is there. */
function Free({ text, overcommit }: { text: string; overcommit: number }) {
  return (
    <p className="mt-1 text-faint text-xs tabular-nums">
      {text} free{overcommit !== 1 && ` · ${overcommit} × what is there`}
    </p>
  );
}

/** CPU of the reports seen since the page was opened. */
function useCpuHistory(report: HealthReport | undefined): number[] {
  const [history, setHistory] = useState<number[]>([]);
  useEffect(() => {
    if (report) setHistory((kept) => [...kept, report.cpuPercent].slice(-HISTORY_KEPT));
  }, [report]);
  return history;
}
