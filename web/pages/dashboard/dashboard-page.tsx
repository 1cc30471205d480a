import { Network, Plus, Server as ServerIcon } from "lucide-react";
import { Link } from "react-router";
import { can, useMe } from "../../api/account.ts";
import { useNodes } from "../../api/nodes.ts";
import { useServers } from "../../api/servers.ts";
import { EmptyState } from "../../components/empty-state.tsx";
import { FailureNotice } from "../../components/failure-notice.tsx";
import { Page } from "../../components/page.tsx";
import { Pager } from "../../components/pager.tsx";
import { SearchInput } from "../../components/search-input.tsx";
import { Button } from "../../components/ui/button.tsx";
import { Card } from "../../components/ui/card.tsx";
import { Skeleton } from "../../components/ui/skeleton.tsx";
import { usePagedSearch } from "../../components/use-paged-search.ts";
import { NodeStrip } from "./node-strip.tsx";
import { ServerRow } from "./server-row.tsx";

export function DashboardPage() {
  const me = useMe().data;
  const { q, cursors, setCursors, field } = usePagedSearch();
  const cursor = cursors.at(-1);
  const servers = useServers({ ...(q ? { q } : {}), ...(cursor ? { cursor } : {}) });
  const seesNodes = can(me, "node.read");
  const nodes = useNodes(seesNodes);
  const mayCreate = can(me, "server.create");
  const noNodes = seesNodes && nodes.data?.items.length === 0;
  const items = servers.data?.items ?? [];
  const running = items.filter((server) => server.status === "running").length;
  const isEmpty = servers.isSuccess && items.length === 0 && !q && cursors.length === 0;

  return (
    <Page
      title="Servers"
      description={
        servers.isSuccess && !isEmpty
          ? `${running} of ${items.length}${servers.data.nextCursor ? "+" : ""} running`
          : "Your game servers, on your own machines."
      }
      actions={
        mayCreate &&
        !isEmpty && (
          <Button asChild variant="primary">
            <Link to="/servers/new">
              <Plus aria-hidden /> Create server
            </Link>
          </Button>
        )
      }
    >
      {!isEmpty && <SearchInput label="Search servers" placeholder="Search by name" {...field} />}
      {servers.isError && !servers.data ? (
        <FailureNotice error={servers.error} onRetry={() => void servers.refetch()} />
      ) : (
        <Card aria-label="Servers" className="overflow-hidden">
          {servers.isPending && <RowSkeletons />}
          {isEmpty && <NoServers noNodes={noNodes} mayCreate={mayCreate} mayAddNode={can(me, "node.create")} />}
          {servers.isSuccess && items.length === 0 && !isEmpty && (
            <p className="px-5 py-12 text-center text-sm text-subtle">No server has “{q}” in its name.</p>
          )}
          {items.length > 0 && (
            <ul className="divide-y">
              {items.map((server) => (
                <ServerRow key={server.id} server={server} />
              ))}
            </ul>
          )}
        </Card>
      )}
      <Pager
        cursors={cursors}
        nextCursor={servers.data?.nextCursor ?? null}
        onChange={setCursors}
        words={["Previous", "Next"]}
      />
      {seesNodes && (nodes.data?.items.length ?? 0) > 0 && <NodeStrip nodes={nodes.data?.items ?? []} />}
    </Page>
  );
}

function RowSkeletons() {
  return (
    <div className="divide-y" role="status" aria-label="Loading servers">
      {[0, 1, 2, 3].map((row) => (
        <div key={row} className="flex items-center gap-6 px-5 py-4.5">
          <div className="flex-1 space-y-2">
            <Skeleton className="h-4 w-44" />
            <Skeleton className="h-3 w-64 max-w-full" />
          </div>
          <Skeleton className="h-6 w-20 rounded-full" />
        </div>
      ))}
    </div>
  );
}

function NoServers({ noNodes, mayCreate, mayAddNode }: { noNodes: boolean; mayCreate: boolean; mayAddNode: boolean }) {
  if (noNodes && mayAddNode) {
    return (
      <EmptyState
        icon={Network}
        title="First, add a machine"
        action={
          <Button asChild variant="primary">
            <Link to="/nodes?add">
              <Plus aria-hidden /> Add a node
            </Link>
          </Button>
        }
      >
        A node is a machine of yours that runs game servers: a rented box, or the PC under the desk. It needs no open
        port; you paste one command on it.
      </EmptyState>
    );
  }
  return (
    <EmptyState
      icon={ServerIcon}
      title="No servers yet"
      action={
        mayCreate && (
          <Button asChild variant="primary">
            <Link to="/servers/new">
              <Plus aria-hidden /> Create server
            </Link>
          </Button>
        )
      }
    >
      {mayCreate
        ? "Choose a game, a node and a size, and your first server is a minute away."
        : "Servers that somebody shares with you appear here. Ask an administrator if you need one of your own."}
    </EmptyState>
  );
}
