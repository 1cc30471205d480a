import { CircleAlert, CircleFadingArrowUp, LoaderCircle } from "lucide-react";
import { useState } from "react";
import { toast } from "sonner";
import type { Node } from "../../../protocol/api/nodes.ts";
import { useUpdateAgent } from "../../api/nodes.ts";
import { toastFailure } from "../../components/failure-notice.tsx";
import { TimeAgo } from "../../components/time-ago.tsx";
import { Badge } from "../../components/ui/badge.tsx";
import { Button } from "../../components/ui/button.tsx";
import { cn } from "../../components/ui/class-names.ts";
import { ConfirmDialog } from "../../components/ui/dialog.tsx";

/** Whether the panel serves another build than the node runs, and nothing is being done about it. */
export function isBehind({ agentVersion, latestAgentVersion, agentUpdate }: Node): boolean {
  const isOther = agentVersion !== null && latestAgentVersion !== null && agentVersion !== latestAgentVersion;
  return isOther && agentUpdate?.status !== "requested";
}

export function UpdateBadge({ node }: { node: Node }) {
  return isBehind(node) ? <Badge tone="accent">update available</Badge> : null;
}

export function UpdateAgentButton({ node }: { node: Node }) {
  const update = useUpdateAgent(node.id);
  const [asking, setAsking] = useState(false);
  if (!isBehind(node)) return null;
  return (
    <>
      <Button
        disabled={!node.isOnline}
        title={node.isOnline ? undefined : "The node is offline."}
        onClick={() => setAsking(true)}
      >
        <CircleFadingArrowUp aria-hidden /> Update agent
      </Button>
      <ConfirmDialog
        open={asking}
        onOpenChange={setAsking}
        title={`Update the agent of ${node.name}?`}
        confirmLabel="Update agent"
        variant="primary"
        busy={update.isPending}
        onConfirm={() =>
          update.mutate(undefined, {
            onSuccess: ({ state }) => {
              setAsking(false);
              toast.success(state === "current" ? "The agent is up to date" : "The agent is being updated");
            },
            onError: toastFailure,
          })
        }
      >
        <p>
          From {node.agentVersion} to {node.latestAgentVersion}. Game servers go on running; consoles pause for some
          seconds. If the new agent does not connect, the present one comes back by itself.
        </p>
      </ConfirmDialog>
    </>
  );
}

/** How the last update goes, or why it came to nothing. */
export function UpdateNotice({ node: { agentUpdate } }: { node: Node }) {
  if (!agentUpdate) return null;
  const isFailed = agentUpdate.status === "failed";
  const Icon = isFailed ? CircleAlert : LoaderCircle;
  return (
    <div
      role="status"
      className={cn(
        "flex items-start gap-3 rounded-xl border px-4 py-3 text-sm",
        isFailed ? "border-danger/25 bg-danger-soft" : "bg-surface",
      )}
    >
      <Icon className={`mt-0.5 size-4 shrink-0 ${isFailed ? "text-danger" : "animate-spin text-subtle"}`} aria-hidden />
      <p className="min-w-0 text-pretty break-words">
        {isFailed ? (
          <>
            The agent could not be updated to {agentUpdate.version}. {agentUpdate.reason}
          </>
        ) : (
          <>The agent is being updated to {agentUpdate.version}. Game servers go on running.</>
        )}{" "}
        <TimeAgo at={agentUpdate.at} className="whitespace-nowrap text-subtle" />
      </p>
    </div>
  );
}
