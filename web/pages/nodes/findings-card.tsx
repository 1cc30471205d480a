import { CircleAlert, CircleCheck, TriangleAlert } from "lucide-react";
import type { NodeDetail } from "../../../protocol/api/nodes.ts";
import type { Finding } from "../../../protocol/findings.ts";
import { useCheckNode } from "../../api/nodes.ts";
import { CopyBlock } from "../../components/copy-button.tsx";
import { toastFailure } from "../../components/failure-notice.tsx";
import { TimeAgo } from "../../components/time-ago.tsx";
import { Badge } from "../../components/ui/badge.tsx";
import { Button } from "../../components/ui/button.tsx";
import { Card, CardHeader } from "../../components/ui/card.tsx";
import { cn } from "../../components/ui/class-names.ts";
import { remedyCommand, worstFirst } from "./remedy-commands.ts";

const LOOKS = {
  error: { icon: CircleAlert, colour: "text-danger", label: "Error" },
  warning: { icon: TriangleAlert, colour: "text-warning", label: "Warning" },
  ok: { icon: CircleCheck, colour: "text-success", label: "Good" },
} as const;

/** What the node's own check found: versions, kernel, disk, clock, each with what to do about it. */
export function FindingsCard({ node }: { node: NodeDetail }) {
  const check = useCheckNode(node.id);
  const sorted = worstFirst(node.findings ?? []);
  const troubles = sorted.filter(({ level }) => level !== "ok");
  const good = sorted.filter(({ level }) => level === "ok");
  return (
    <Card aria-label="Health checks" className="overflow-hidden">
      <CardHeader
        title={
          <span className="flex flex-wrap items-center gap-2">
            Health checks <FindingsBadge counts={node.findingCounts} />
          </span>
        }
        description={
          node.findingsAt ? (
            <>
              Looked at <TimeAgo at={node.findingsAt} />
              {troubles.length === 0 && ": nothing to do"}
            </>
          ) : (
            "This node was not looked at yet. It is when its agent connects."
          )
        }
        actions={
          <Button
            size="small"
            busy={check.isPending}
            disabled={!node.isOnline}
            title={node.isOnline ? undefined : "The node is offline."}
            onClick={() => check.mutate(undefined, { onError: toastFailure })}
          >
            Check again
          </Button>
        }
      />
      {troubles.length > 0 && (
        <ul className="divide-y border-t">
          {troubles.map((finding) => (
            <Trouble key={finding.id} finding={finding} />
          ))}
        </ul>
      )}
      {good.length > 0 && (
        <details className="border-t">
          <summary className="cursor-pointer px-5 py-3 text-[13px] text-subtle">
            {good.length} {good.length === 1 ? "check is" : "checks are"} good
          </summary>
          <ul className="grid gap-x-8 gap-y-2.5 px-5 pb-4 sm:grid-cols-2">
            {good.map(({ id, subject, message }) => (
              <li key={id} className="flex min-w-0 gap-2.5 text-[13px]">
                <CircleCheck className="mt-0.5 size-4 shrink-0 text-success" aria-hidden />
                <span className="min-w-0">
                  {subject} <span className="break-words text-subtle">{message}</span>
                </span>
              </li>
            ))}
          </ul>
        </details>
      )}
    </Card>
  );
}

function Trouble({ finding }: { finding: Finding }) {
  const { icon: Icon, colour, label } = LOOKS[finding.level];
  const command = remedyCommand(finding);
  return (
    <li className="flex gap-3 px-5 py-3.5">
      <Icon className={cn("mt-0.5 size-4 shrink-0", colour)} aria-label={label} />
      <div className="min-w-0 flex-1 space-y-1.5">
        <p className="text-pretty break-words text-sm">
          <span className="font-medium">{finding.subject}.</span> {finding.message}
        </p>
        {finding.remedy && <p className="text-pretty break-words text-[13px] text-subtle">{finding.remedy}</p>}
        {command && <CopyBlock text={command} label={`Copy the command for ${finding.subject}`} />}
      </div>
    </li>
  );
}

const counted = (count: number, word: string) => `${count} ${word}${count === 1 ? "" : "s"}`;

/** How many findings want attention; nothing when none does. */
export function FindingsBadge({ counts }: { counts: NodeDetail["findingCounts"] }) {
  if (!counts) return null;
  const { errors, warnings } = counts;
  if (errors > 0) return <Badge tone="danger">{counted(errors, "problem")}</Badge>;
  return warnings > 0 ? <Badge tone="warning">{counted(warnings, "warning")}</Badge> : null;
}
