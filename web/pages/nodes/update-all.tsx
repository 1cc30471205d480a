import { CircleAlert, CircleCheck, CircleFadingArrowUp, Clock, LoaderCircle } from "lucide-react";
import { type ReactNode, useEffect, useRef, useState } from "react";
import type { Node } from "../../../protocol/api/nodes.ts";
import { useUpdateAgents } from "../../api/nodes.ts";
import { failureText } from "../../components/failure-notice.tsx";
import { Button } from "../../components/ui/button.tsx";
import { cn } from "../../components/ui/class-names.ts";
import { Dialog, DialogActions } from "../../components/ui/dialog.tsx";
import { Tooltip } from "../../components/ui/tooltip.tsx";
import { isBehind } from "./agent-update.tsx";
import { type UpdateProgress, updateInTurn } from "./update-in-turn.ts";

const LOOK_MS = 2_000;
/** Ten minutes: downloading, starting and, when that fails, going back have their own deadlines below it. */
const LOOKS = 300;

interface Round {
  /** As they were when it began: nodes that are done are not behind any more. */
  nodes: readonly Node[];
  progress: Readonly<Record<string, UpdateProgress>>;
  isOver: boolean;
}

/** Why there is nothing to update, or null. */
function obstacleOf(behind: readonly Node[]): string | null {
  if (behind.length === 0) return "Every agent is up to date.";
  return behind.some((node) => node.isOnline) ? null : "The nodes whose agents are behind are offline.";
}

/** Updates the agents of all nodes that are behind, and shows how it goes with each. */
export function UpdateAll({ nodes }: { nodes: readonly Node[] }) {
  const agents = useUpdateAgents();
  const [isOpen, setOpen] = useState(false);
  const [round, setRound] = useState<Round | null>(null);
  const left = useRef(new AbortController());
  useEffect(() => {
    const controller = new AbortController();
    left.current = controller;
    return () => controller.abort();
  }, []);

  const behind = nodes.filter(isBehind);
  const isUnderWay = round !== null && !round.isOver;
  const obstacle = isUnderWay ? null : obstacleOf(behind);
  const online = behind.filter((node) => node.isOnline);
  const offline = (round?.nodes ?? behind).filter((node) => !node.isOnline);

  const start = async () => {
    const { signal } = left.current;
    setRound({ nodes: behind, progress: {}, isOver: false });
    const over = await updateInTurn(
      online.map((node) => node.id),
      {
        ...agents,
        pause: () => pause(signal),
        reasonOf: (error) => failureText(error).title,
        onProgress: (nodeId, progress) =>
          setRound((now) => now && { ...now, progress: { ...now.progress, [nodeId]: progress } }),
        looks: LOOKS,
      },
    ).then(
      () => true,
      () => false,
    );
    if (over) setRound((now) => now && { ...now, isOver: true });
  };

  return (
    <>
      <Tooltip text={obstacle}>
        <Button
          aria-disabled={obstacle ? true : undefined}
          aria-description={obstacle ?? undefined}
          onClick={() => {
            if (obstacle) return;
            if (!isUnderWay) setRound(null);
            setOpen(true);
          }}
        >
          <CircleFadingArrowUp aria-hidden /> Update all agents
        </Button>
      </Tooltip>
      <Dialog
        open={isOpen}
        onOpenChange={setOpen}
        title="Update all agents"
        description="One after another. Game servers go on running; consoles pause for some seconds. An agent that does not connect is replaced by the one before."
      >
        <ul className="divide-y rounded-lg border" aria-label="Nodes to update">
          {(round?.nodes ?? behind).map((node) => (
            <li key={node.id} className="flex items-start gap-3 px-4 py-2.5 text-sm">
              <Progress node={node} progress={round?.progress[node.id]} />
            </li>
          ))}
        </ul>
        {isUnderWay && (
          <p className="mt-3 text-subtle text-xs">
            Stay on the nodes page: whoever leaves it ends the round after the present node.
          </p>
        )}
        <DialogActions>
          <Button onClick={() => setOpen(false)}>{round ? "Close" : "Cancel"}</Button>
          {!round?.isOver && (
            <Button variant="primary" busy={isUnderWay} disabled={online.length === 0} onClick={() => void start()}>
              {isUnderWay ? "Updating" : `Update ${online.length} ${online.length === 1 ? "agent" : "agents"}`}
            </Button>
          )}
        </DialogActions>
        {offline.length > 0 && !round && (
          <p className="mt-3 text-subtle text-xs">Nodes that are offline are left as they are.</p>
        )}
      </Dialog>
    </>
  );
}

const LOOKS_OF: Record<UpdateProgress["state"] | "offline" | "behind", { icon: ReactNode; words: string }> = {
  behind: { icon: <CircleFadingArrowUp className="text-accent-text" />, words: "Update available" },
  offline: { icon: <Clock className="text-subtle" />, words: "Offline, left as it is" },
  waiting: { icon: <Clock className="text-subtle" />, words: "Waiting for its turn" },
  updating: { icon: <LoaderCircle className="animate-spin text-subtle" />, words: "Being updated" },
  done: { icon: <CircleCheck className="text-success" />, words: "Up to date" },
  silent: { icon: <CircleAlert className="text-warning" />, words: "Asked, but nothing was heard of it yet" },
  failed: { icon: <CircleAlert className="text-danger" />, words: "Failed" },
};

function Progress({ node, progress }: { node: Node; progress: UpdateProgress | undefined }) {
  const { icon, words } = LOOKS_OF[progress?.state ?? (node.isOnline ? "behind" : "offline")];
  const reason = progress?.state === "failed" ? progress.reason : null;
  return (
    <>
      <span aria-hidden className="mt-0.5 [&>svg]:size-4">
        {icon}
      </span>
      <div className="min-w-0 flex-1">
        <p className="wrap-anywhere font-medium">{node.name}</p>
        <p role="status" className={cn("text-pretty text-[13px]", reason ? "text-danger" : "text-subtle")}>
          {reason ? `${words}. ${reason}` : words}
        </p>
      </div>
    </>
  );
}

function pause(signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const timer = setTimeout(resolve, LOOK_MS);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
  });
}
