import { Network, TriangleAlert } from "lucide-react";
import { useState } from "react";
import { Link, useNavigate, useParams } from "react-router";
import { toast } from "sonner";
import type { Node, NodeDetail } from "../../../protocol/api/nodes.ts";
import { can, useMe } from "../../api/account.ts";
import { toApiError } from "../../api/api-error.ts";
import { useDeleteNode, useNode } from "../../api/nodes.ts";
import { useServers } from "../../api/servers.ts";
import { EmptyState } from "../../components/empty-state.tsx";
import { FailureNotice, toastFailure } from "../../components/failure-notice.tsx";
import { Page, useTitle } from "../../components/page.tsx";
import { NodeBadge } from "../../components/state-badge.tsx";
import { TimeAgo } from "../../components/time-ago.tsx";
import { Button } from "../../components/ui/button.tsx";
import { Card, CardHeader } from "../../components/ui/card.tsx";
import { ConfirmDialog, Dialog } from "../../components/ui/dialog.tsx";
import { Skeleton } from "../../components/ui/skeleton.tsx";
import { ServerRow } from "../dashboard/server-row.tsx";
import { ConnectNode } from "./add-node-dialog.tsx";
import { UpdateAgentButton, UpdateBadge, UpdateNotice } from "./agent-update.tsx";
import { AllocationsCard } from "./allocations-card.tsx";
import { EditNodeDialog } from "./edit-node-dialog.tsx";
import { FindingsCard } from "./findings-card.tsx";
import { HealthCard } from "./health-card.tsx";
import { NodeModeActions, NodeModeBanner } from "./node-mode.tsx";
import { PoolsCard } from "./pools-card.tsx";

export default function NodePage() {
  const { nodeId = "" } = useParams();
  const node = useNode(nodeId);
  useTitle(node.data?.name ?? "Node");
  if (node.isPending) {
    return (
      <div role="status" aria-label="Loading the node" className="mx-auto w-full max-w-6xl space-y-6 p-8">
        <Skeleton className="h-8 w-48" />
        <Skeleton className="h-40 w-full rounded-xl" />
      </div>
    );
  }
  if (!node.data) {
    if (toApiError(node.error).code === "NOT_FOUND") {
      return (
        <EmptyState
          icon={Network}
          title="There is no such node"
          action={
            <Button asChild>
              <Link to="/nodes">All nodes</Link>
            </Button>
          }
        >
          It may have been deleted.
        </EmptyState>
      );
    }
    return (
      <div className="mx-auto w-full max-w-6xl p-6">
        <FailureNotice error={node.error} onRetry={() => void node.refetch()} />
      </div>
    );
  }
  return <LoadedNodePage node={node.data} />;
}

function LoadedNodePage({ node }: { node: NodeDetail }) {
  const me = useMe().data;
  const servers = useServers({ nodeId: node.id });
  const [connecting, setConnecting] = useState(false);
  const [editing, setEditing] = useState(false);
  return (
    <Page
      title={node.name}
      description={
        <span className="flex flex-wrap items-center gap-2">
          <NodeBadge isOnline={node.isOnline} isEnrolled={node.isEnrolled} mode={node.mode} />
          <span className="font-mono text-[13px]">{node.publicAddress}</span>
          {!node.isOnline && node.lastSeenAt && (
            <span>
              last seen <TimeAgo at={node.lastSeenAt} />
            </span>
          )}
          {node.agentVersion && (
            <span className="text-faint">
              agent {node.agentVersion}
              {node.runtime ? ` · ${node.runtime}` : ""}
            </span>
          )}
          <UpdateBadge node={node} />
        </span>
      }
      actions={
        can(me, "node.update") && (
          <>
            <UpdateAgentButton node={node} />
            <Button onClick={() => setEditing(true)}>Edit</Button>
            <Button onClick={() => setConnecting(true)}>{node.isEnrolled ? "Reinstall agent" : "Connect"}</Button>
          </>
        )
      }
    >
      <div className="flex flex-col gap-6">
        <NodeModeBanner node={node} mayChange={can(me, "node.update")} />
        <UpdateNotice node={node} />
        {node.runtime === "process" && (
          <p className="flex items-start gap-3 rounded-xl border border-warning/25 bg-warning-soft px-4 py-3 text-sm">
            <TriangleAlert className="mt-0.5 size-4 shrink-0 text-warning" aria-hidden />
            This node runs games as plain processes, without containers. That is for trying Catalyst out; run only what
            you trust on it.
          </p>
        )}
        <HealthCard node={node} />
        {(can(me, "node.view_stats") || can(me, "node.update")) && <FindingsCard node={node} />}
        <Card className="overflow-hidden">
          <CardHeader title="Servers" />
          {servers.data?.items.length === 0 && (
            <p className="border-t px-5 py-8 text-center text-sm text-subtle">No servers on this node.</p>
          )}
          {servers.isError && !servers.data && (
            <FailureNotice error={servers.error} onRetry={() => void servers.refetch()} className="m-5" />
          )}
          {servers.isPending && <Skeleton className="m-5 h-12" />}
          {servers.data && servers.data.items.length > 0 && (
            <ul className="divide-y border-t">
              {servers.data.items.map((server) => (
                <ServerRow key={server.id} server={server} />
              ))}
            </ul>
          )}
        </Card>
        <AllocationsCard node={node} mayManage={can(me, "node.manage_allocation")} />
        {can(me, "pool.read") && (
          <PoolsCard node={node} mayCreate={can(me, "pool.create")} mayDelete={can(me, "pool.delete")} />
        )}
        {can(me, "node.update") && <NodeModeActions node={node} />}
        {can(me, "node.delete") && <DeleteNode node={node} />}
      </div>
      <EditNodeDialog node={node} open={editing} onOpenChange={setEditing} />
      <Dialog
        open={connecting}
        onOpenChange={setConnecting}
        title={`Connect ${node.name}`}
        description="Run this command as root on the machine. It installs the agent and connects it."
        className="max-w-xl"
      >
        <ConnectNode nodeId={node.id} onDone={() => setConnecting(false)} />
      </Dialog>
    </Page>
  );
}

function DeleteNode({ node }: { node: Node }) {
  const navigate = useNavigate();
  const remove = useDeleteNode(node.id);
  const [deleting, setDeleting] = useState(false);
  return (
    <Card className="flex flex-wrap items-center justify-between gap-4 border-danger/30 p-5">
      <div>
        <h2 className="font-semibold text-[15px]">Delete node</h2>
        <p className="text-[13px] text-subtle">
          {node.serverCount > 0
            ? "Delete or move its servers first."
            : "Its agent is disconnected and may not come back."}
        </p>
      </div>
      <Button variant="danger-outline" disabled={node.serverCount > 0} onClick={() => setDeleting(true)}>
        Delete node
      </Button>
      <ConfirmDialog
        open={deleting}
        onOpenChange={setDeleting}
        title={`Delete ${node.name}?`}
        confirmLabel="Delete node"
        busy={remove.isPending}
        onConfirm={() =>
          remove.mutate(undefined, {
            onSuccess: () => {
              toast.success(`${node.name} was deleted`);
              void navigate("/nodes", { replace: true });
            },
            onError: toastFailure,
          })
        }
      >
        <p>The machine is forgotten and its agent can no longer sign in. Nothing on the machine itself is removed.</p>
      </ConfirmDialog>
    </Card>
  );
}
