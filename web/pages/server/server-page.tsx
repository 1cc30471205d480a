import { Activity, Bomb, type LucideIcon, Network, Settings, TerminalSquare, Users } from "lucide-react";
import { Link, Navigate, Route, Routes, useParams } from "react-router";
import type { ServerDetail } from "../../../protocol/api/servers.ts";
import type { ResourceStats } from "../../../protocol/frames/shared.ts";
import { toApiError } from "../../api/api-error.ts";
import { allows, useServer, useServerStats } from "../../api/servers.ts";
import { CopyChip } from "../../components/copy-button.tsx";
import { EmptyState } from "../../components/empty-state.tsx";
import { FailureNotice } from "../../components/failure-notice.tsx";
import { useTitle } from "../../components/page.tsx";
import { StateBadge } from "../../components/state-badge.tsx";
import { Button } from "../../components/ui/button.tsx";
import { Skeleton } from "../../components/ui/skeleton.tsx";
import { TabLinks } from "../../components/ui/tabs.tsx";
import { ConsolePanel } from "../../console/console-panel.tsx";
import { AccessTab } from "./access/access-tab.tsx";
import { ActivityTab } from "./activity-tab.tsx";
import { CrashesTab } from "./crashes-tab.tsx";
import { DiskBanner } from "./disk-banner.tsx";
import { InstallBanner } from "./installation.tsx";
import { NetworkTab } from "./network-tab.tsx";
import { NodeModeBanner } from "./node-mode-banner.tsx";
import { PendingBanner } from "./pending-banner.tsx";
import { PowerButtons } from "./power-buttons.tsx";
import { SettingsTab } from "./settings-tab.tsx";
import { StatsPanel } from "./stats-panel.tsx";
import { SuspensionBanner, useIsBarred } from "./suspension.tsx";
import { type LiveServer, useLiveServer } from "./use-live-server.ts";

export default function ServerPage() {
  const { serverId = "" } = useParams();
  const server = useServer(serverId);
  useTitle(server.data?.name ?? "Server");
  if (server.isPending) return <ServerSkeleton />;
  if (server.isError && !server.data) {
    if (toApiError(server.error).code === "NOT_FOUND") {
      return (
        <EmptyState
          icon={TerminalSquare}
          title="There is no such server"
          action={
            <Button asChild>
              <Link to="/">Go to your servers</Link>
            </Button>
          }
        >
          It may have been deleted, or you may not have access to it any more.
        </EmptyState>
      );
    }
    return (
      <div className="mx-auto w-full max-w-6xl p-6">
        <FailureNotice error={server.error} onRetry={() => void server.refetch()} />
      </div>
    );
  }
  // A suspension ends connections for good: when it begins or ends, the page connects anew.
  return <LoadedServerPage key={`${serverId} ${server.data.isSuspended}`} server={server.data} />;
}

interface Section {
  /** Below the server's own address. */
  path: string;
  name: string;
  icon: LucideIcon;
  /** Without it the section is not offered. */
  permission?: string;
}

const SECTIONS: readonly Section[] = [
  { path: "", name: "Console", icon: TerminalSquare },
  { path: "/activity", name: "Activity", icon: Activity, permission: "activity.read" },
  { path: "/crashes", name: "Crashes", icon: Bomb },
  { path: "/access", name: "Access", icon: Users, permission: "access.read" },
  { path: "/network", name: "Network", icon: Network, permission: "allocation.read" },
  { path: "/settings", name: "Settings", icon: Settings },
];

function LoadedServerPage({ server }: { server: ServerDetail }) {
  const live = useLiveServer(server.id);
  // Asked for while none come by themselves, so that a full disk is told of a stopped server, too.
  const asked = useServerStats(server.id, server.nodeIsOnline && live.stats.length === 0);
  const latest = server.nodeIsOnline ? (live.stats.at(-1) ?? asked.data) : undefined;
  const base = `/servers/${server.id}`;
  return (
    <div className="flex flex-1 flex-col">
      <header className="border-b bg-surface">
        <div className="mx-auto w-full max-w-[100rem] px-4 pt-5 sm:px-6 lg:px-8">
          <div className="flex flex-wrap items-center justify-between gap-x-6 gap-y-4">
            <div className="min-w-0">
              <div className="flex flex-wrap items-center gap-x-3 gap-y-1">
                <h1 className="truncate font-semibold text-[22px] leading-8 tracking-[-0.015em]">{server.name}</h1>
                <StateBadge state={server.status} nodeIsOnline={server.nodeIsOnline} />
              </div>
              <p className="mt-0.5 flex flex-wrap items-center gap-x-2 text-[13px] text-subtle">
                {server.connectAddress && (
                  <>
                    <CopyChip text={server.connectAddress} label={`Copy the address ${server.connectAddress}`} />
                    <span aria-hidden className="text-faint max-sm:hidden">
                      ·
                    </span>
                  </>
                )}
                <span className="truncate">
                  {server.templateName} on {server.nodeName}
                </span>
              </p>
            </div>
            <PowerButtons server={server} />
          </div>
          <SuspensionBanner server={server} />
          <NodeModeBanner server={server} />
          <InstallBanner server={server} />
          <StatusReason server={server} />
          <PendingBanner server={server} />
          <DiskBanner stats={latest} />
          <div className="mt-3">
            <TabLinks
              label="Sections of this server"
              tabs={SECTIONS.filter(({ permission }) => !permission || allows(server, permission)).map(
                ({ path, name, icon: Icon }) => ({
                  to: base + path,
                  end: path === "",
                  children: (
                    <>
                      <Icon aria-hidden /> {name}
                      {path === "/crashes" && server.crashCount > 0 && (
                        <span className="text-subtle">{server.crashCount}</span>
                      )}
                    </>
                  ),
                }),
              )}
            />
          </div>
        </div>
      </header>
      <Routes>
        <Route index element={<ConsoleTab server={server} live={live} latest={latest} />} />
        <Route path="activity" element={<ActivityTab serverId={server.id} />} />
        <Route path="crashes" element={<CrashesTab server={server} />} />
        <Route path="access" element={<AccessTab server={server} />} />
        <Route path="network" element={<NetworkTab server={server} />} />
        <Route path="settings" element={<SettingsTab server={server} diskNotice={latest?.diskNotice ?? null} />} />
        <Route path="*" element={<Navigate to={base} replace />} />
      </Routes>
    </div>
  );
}

/** Why the server is in the state it is in, when there is more to say than its name. */
function StatusReason({ server }: { server: ServerDetail }) {
  const text = server.statusReason ?? "";
  const endedByItself = server.status === "stopped" && server.exitCode === 0;
  const isTold =
    ["crashed", "error", "installing"].includes(server.status) || endedByItself || server.restartAt !== null;
  if (!text || !isTold || server.isSuspended) return null;
  return (
    <p role="status" className="mt-3 rounded-lg bg-muted px-3 py-2 text-[13px] text-subtle">
      {text}
    </p>
  );
}

interface ConsoleTabProps {
  server: ServerDetail;
  live: LiveServer;
  latest: ResourceStats | undefined;
}

function ConsoleTab({ server, live, latest }: ConsoleTabProps) {
  const isBarred = useIsBarred(server);
  const readable = allows(server, "console.read") && !isBarred;
  return (
    <div className="mx-auto grid w-full max-w-[100rem] flex-1 gap-4 px-4 py-4 sm:px-6 lg:grid-cols-[minmax(0,1fr)_15rem] lg:px-8">
      <div className="flex min-h-[26rem] flex-col max-lg:h-[max(24rem,calc(100dvh-20rem))]">
        {readable && live.feed ? (
          <ConsolePanel
            serverId={server.id}
            feed={live.feed}
            nodeIsOnline={server.nodeIsOnline}
            nodeName={server.nodeName}
            inputObstacle={
              !allows(server, "console.write")
                ? "You may read this console, not write to it."
                : server.status === "running" || server.status === "starting" || server.status === "stopping"
                  ? null
                  : "Start the server to type commands."
            }
          />
        ) : (
          <div className="grid flex-1 place-items-center rounded-xl border bg-terminal p-6 text-center text-sm text-white/50">
            {readable
              ? ""
              : isBarred
                ? "The console is closed while the server is suspended."
                : "You may not see this console."}
          </div>
        )}
      </div>
      <StatsPanel server={server} stats={live.stats} latest={latest} />
    </div>
  );
}

function ServerSkeleton() {
  return (
    <div role="status" aria-label="Loading the server" className="flex flex-1 flex-col">
      <div className="border-b bg-surface">
        <div className="mx-auto w-full max-w-[100rem] space-y-3 px-4 py-6 sm:px-6 lg:px-8">
          <Skeleton className="h-7 w-56" />
          <Skeleton className="h-4 w-72 max-w-full" />
        </div>
      </div>
      <div className="mx-auto w-full max-w-[100rem] px-4 py-4 sm:px-6 lg:px-8">
        <Skeleton className="h-[26rem] w-full rounded-xl" />
      </div>
    </div>
  );
}
