import { ScrollText } from "lucide-react";
import type { AuditEntry } from "../../protocol/api/audit.ts";
import { actionWords, detailWords, sentenceOf } from "./activity-words.ts";
import { EmptyState } from "./empty-state.tsx";
import { TimeAgo } from "./time-ago.tsx";
import { Cell, HeadCell, Table } from "./ui/table.tsx";

/** Audit entries, newest first. `withTarget` names what each one was about. */
export function ActivityList({ entries, withTarget }: { entries: readonly AuditEntry[]; withTarget: boolean }) {
  if (entries.length === 0) {
    return (
      <EmptyState icon={ScrollText} title="Nothing here yet">
        Whatever somebody changes is written down here, with who did it and when.
      </EmptyState>
    );
  }
  return (
    <Table>
      <thead>
        <tr>
          <HeadCell>What</HeadCell>
          <HeadCell>Who</HeadCell>
          {withTarget && <HeadCell className="max-sm:hidden">Target</HeadCell>}
          <HeadCell className="max-md:hidden">Details</HeadCell>
          <HeadCell className="text-right max-md:hidden">When</HeadCell>
        </tr>
      </thead>
      <tbody>
        {entries.map((entry) => {
          const details = detailWords(entry);
          return (
            <tr key={entry.id}>
              <Cell className="font-medium md:whitespace-nowrap">
                {actionWords(entry.action)}
                <span className="block font-normal text-[13px] text-subtle md:hidden">{sentenceOf(entry)}</span>
                <TimeAgo at={entry.at} className="block font-normal text-subtle text-xs md:hidden" />
              </Cell>
              <Cell className="whitespace-nowrap">
                {entry.actorName ?? <span className="text-subtle">Catalyst</span>}
                {entry.ip && <span className="block font-mono text-faint text-xs">{entry.ip}</span>}
              </Cell>
              {withTarget && (
                <Cell className="whitespace-nowrap max-sm:hidden">
                  <span className="text-subtle">{entry.targetType}</span>
                  {entry.targetId && (
                    <span className="block max-w-40 truncate font-mono text-faint text-xs" title={entry.targetId}>
                      {entry.targetId}
                    </span>
                  )}
                </Cell>
              )}
              <Cell className="max-w-72 max-md:hidden">
                <span className="line-clamp-2 break-words text-[13px] text-subtle" title={details}>
                  {details || "–"}
                </span>
              </Cell>
              <Cell className="whitespace-nowrap text-right text-subtle max-md:hidden">
                <TimeAgo at={entry.at} />
              </Cell>
            </tr>
          );
        })}
      </tbody>
    </Table>
  );
}
