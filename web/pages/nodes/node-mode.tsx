import { CircleSlash, Construction } from "lucide-react";
import { useState } from "react";
import { toast } from "sonner";
import type { Node } from "../../../protocol/api/nodes.ts";
import type { NodeMode } from "../../../protocol/node-mode.ts";
import { useSetNodeMode } from "../../api/nodes.ts";
import { Banner } from "../../components/banner.tsx";
import { toastFailure } from "../../components/failure-notice.tsx";
import { ReasonDialog } from "../../components/reason-dialog.tsx";
import { TimeAgo } from "../../components/time-ago.tsx";
import { Button } from "../../components/ui/button.tsx";
import { Card } from "../../components/ui/card.tsx";

const WORDS = {
  draining: {
    icon: CircleSlash,
    title: "This node is being drained",
    text: "No new servers are placed on it. Those that it has go on as before.",
  },
  maintenance: {
    icon: Construction,
    title: "This node is under maintenance",
    text: "Its servers are stopped and cannot be started. When the maintenance ends, those that ran are started again.",
  },
} as const;

/** What the node is for at present when that is not everything, and the way back. */
export function NodeModeBanner({ node, mayChange }: { node: Node; mayChange: boolean }) {
  const setMode = useSetNodeMode(node.id);
  if (node.mode === "active") return null;
  const { icon, title, text } = WORDS[node.mode];
  return (
    <Banner
      icon={icon}
      title={
        <>
          {title}.
          {node.modeSetAt && (
            <>
              {" "}
              It began <TimeAgo at={node.modeSetAt} />
              {node.modeSetByName && `, by ${node.modeSetByName}`}.
            </>
          )}
        </>
      }
      actions={
        mayChange && (
          <Button
            size="small"
            busy={setMode.isPending}
            onClick={() =>
              setMode.mutate(
                { mode: "active" },
                { onSuccess: () => toast.success(`${node.name} is active`), onError: toastFailure },
              )
            }
          >
            {node.mode === "maintenance" ? "End maintenance" : "Stop draining"}
          </Button>
        )
      }
    >
      {node.modeReason && <p className="whitespace-pre-line break-words text-foreground">{node.modeReason}</p>}
      <p>{text}</p>
    </Banner>
  );
}

const ASKING = {
  draining: {
    title: "Drain",
    description: "No new servers are placed on this node until you stop draining. Its present servers are not touched.",
    hint: "Staff reads it on this page.",
    placeholder: "To be replaced in December.",
    confirm: "Drain node",
  },
  maintenance: {
    title: "Put under maintenance:",
    description:
      "Every server of this node is stopped in its own way and held. When you end the maintenance, those that were running are started again. An offline node obeys when it is back.",
    hint: "The owners of its servers read it on their pages.",
    placeholder: "New disks go in. Back by six.",
    confirm: "Stop servers and begin",
  },
} as const;

/** Drain and maintenance of a node, each asked for with its reason. */
export function NodeModeActions({ node }: { node: Node }) {
  const setMode = useSetNodeMode(node.id);
  const [asking, setAsking] = useState<Exclude<NodeMode, "active"> | null>(null);
  const words = ASKING[asking ?? "draining"];
  return (
    <Card className="flex flex-wrap items-center justify-between gap-4 p-5">
      <div className="min-w-0 flex-1 basis-72">
        <h2 className="font-semibold text-[15px]">Drain and maintenance</h2>
        <p className="text-[13px] text-subtle">
          A drained node gets no new servers. Under maintenance its servers are stopped too, and come back afterwards.
        </p>
      </div>
      <div className="flex flex-wrap gap-2">
        <Button disabled={node.mode === "draining"} onClick={() => setAsking("draining")}>
          Drain
        </Button>
        <Button
          variant="danger-outline"
          disabled={node.mode === "maintenance"}
          onClick={() => setAsking("maintenance")}
        >
          Begin maintenance
        </Button>
      </div>
      <ReasonDialog
        open={asking !== null}
        onOpenChange={(open) => !open && setAsking(null)}
        title={`${words.title} ${node.name}?`}
        description={words.description}
        hint={words.hint}
        placeholder={words.placeholder}
        confirmLabel={words.confirm}
        busy={setMode.isPending}
        onConfirm={(reason) =>
          asking &&
          setMode.mutate({ mode: asking, reason }, { onSuccess: () => setAsking(null), onError: toastFailure })
        }
      />
    </Card>
  );
}
