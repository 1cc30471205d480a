import { ChevronRight } from "lucide-react";
import { Link } from "react-router";
import type { Server } from "../../../protocol/api/servers.ts";
import { useServerStats } from "../../api/servers.ts";
import { CopyChip } from "../../components/copy-button.tsx";
import { formatMb, formatPercent } from "../../components/formatting.ts";
import { Meter } from "../../components/meter.tsx";
import { StateBadge } from "../../components/state-badge.tsx";
import { useOnScreen } from "../../components/use-on-screen.ts";

const MB = 1024 * 1024;

/** One server of the list. The whole row opens it; the address is copied by a click of its own. */
export function ServerRow({ server }: { server: Server }) {
  const [ref, onScreen] = useOnScreen<HTMLLIElement>();
  const isLive = server.nodeIsOnline && server.status === "running";
  const stats = useServerStats(server.id, isLive && onScreen).data;
  return (
    <li
      ref={ref}
      className="relative grid grid-cols-[minmax(0,1fr)_auto] items-center gap-x-6 gap-y-2 px-5 py-4 transition-colors hover:bg-muted/50 md:grid-cols-[minmax(0,1fr)_14.5rem_9.5rem_1rem]"
    >
      <div className="min-w-0">
        <Link
          to={`/servers/${server.id}`}
          className="block truncate font-medium text-[15px] after:absolute after:inset-0 focus-visible:after:rounded-xl focus-visible:after:outline-2 focus-visible:after:outline-accent focus-visible:after:-outline-offset-2"
        >
          {server.name}
        </Link>
        <p className="mt-0.5 flex items-center gap-2 text-[13px] text-subtle">
          <span className="truncate">
            {server.templateName}
            <span className="text-faint"> on </span>
            {server.nodeName}
          </span>
          {server.connectAddress && (
            <>
              <span aria-hidden className="text-faint max-sm:hidden">
                ·
              </span>
              <CopyChip
                text={server.connectAddress}
                label={`Copy the address ${server.connectAddress}`}
                className="relative z-10 max-sm:hidden"
              />
            </>
          )}
        </p>
      </div>
      <div className="grid grid-cols-2 gap-4 max-md:order-last max-md:col-span-2 max-md:empty:hidden">
        {isLive && (
          <>
            <Meter
              label="CPU"
              value={stats?.cpuPercent ?? 0}
              max={server.allocatedCpuCores * 100}
              text={stats ? formatPercent(stats.cpuPercent) : "–"}
            />
            <Meter
              label="Memory"
              value={(stats?.memoryBytes ?? 0) / MB}
              max={server.allocatedMemoryMb}
              text={stats ? formatMb(stats.memoryBytes / MB) : "–"}
            />
          </>
        )}
      </div>
      <div className="flex justify-end">
        <StateBadge state={server.status} nodeIsOnline={server.nodeIsOnline} />
      </div>
      <ChevronRight className="size-4 text-faint max-md:hidden" aria-hidden />
    </li>
  );
}
