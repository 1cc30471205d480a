import { ShieldCheck } from "lucide-react";
import { useState } from "react";
import { toast } from "sonner";
import type { ServerCrash, ServerDetail } from "../../../protocol/api/servers.ts";
import { allows, useResetCrashCount, useServerCrashes } from "../../api/servers.ts";
import { EmptyState } from "../../components/empty-state.tsx";
import { FailureNotice, toastFailure } from "../../components/failure-notice.tsx";
import { Pager } from "../../components/pager.tsx";
import { TimeAgo } from "../../components/time-ago.tsx";
import { Button } from "../../components/ui/button.tsx";
import { Card, CardHeader } from "../../components/ui/card.tsx";
import { Skeleton } from "../../components/ui/skeleton.tsx";
import { crashWords, outcomeWords, plainText } from "./crash-words.ts";

/** Every crash that is kept of a server: when, how, what was done about it, and what the game wrote last. */
export function CrashesTab({ server }: { server: ServerDetail }) {
  const [cursors, setCursors] = useState<string[]>([]);
  const crashes = useServerCrashes(server.id, server.crashCount, cursors.at(-1));
  const reset = useResetCrashCount(server.id);
  const count = server.crashCount === 1 ? "1 crash" : `${server.crashCount} crashes`;
  return (
    <div className="mx-auto w-full max-w-4xl px-4 py-6 sm:px-6 lg:px-8">
      {crashes.isError && !crashes.data ? (
        <FailureNotice error={crashes.error} onRetry={() => void crashes.refetch()} />
      ) : (
        <Card aria-label="Crashes" className="overflow-hidden">
          <CardHeader
            title="Crashes"
            description={
              server.crashCount === 0
                ? "None since the last start by hand."
                : `${count} since the last start by hand or reset.`
            }
            actions={
              server.crashCount > 0 &&
              allows(server, "server.restart") && (
                <Button
                  size="small"
                  busy={reset.isPending}
                  onClick={() =>
                    reset.mutate(undefined, {
                      onSuccess: () => toast.success("The crashes so far no longer count."),
                      onError: toastFailure,
                    })
                  }
                >
                  Reset
                </Button>
              )
            }
          />
          {crashes.data ? <CrashList crashes={crashes.data.items} /> : <Skeleton className="m-5 h-16" />}
        </Card>
      )}
      <Pager cursors={cursors} nextCursor={crashes.data?.nextCursor ?? null} onChange={setCursors} />
    </div>
  );
}

function CrashList({ crashes }: { crashes: readonly ServerCrash[] }) {
  if (crashes.length === 0) {
    return (
      <EmptyState icon={ShieldCheck} title="No crash is on record">
        When the game ends by itself with an error, it is written down here with its last console lines.
      </EmptyState>
    );
  }
  return (
    <ul className="divide-y border-t">
      {crashes.map((crash) => (
        <li key={crash.id} className="px-5 py-3.5">
          <div className="flex flex-wrap items-baseline justify-between gap-x-4 gap-y-1">
            <p className="min-w-0 text-sm">{crashWords(crash)}</p>
            <p className="flex gap-2 whitespace-nowrap text-[13px] text-subtle">
              <span>{outcomeWords(crash)}</span>
              <span aria-hidden className="text-faint">
                ·
              </span>
              <TimeAgo at={crash.at} />
            </p>
          </div>
          <LastLines text={crash.lastLines} />
        </li>
      ))}
    </ul>
  );
}

function LastLines({ text }: { text: string | null }) {
  if (text === null) return null;
  if (text === "") return <p className="mt-1 text-faint text-xs">It wrote nothing to its console.</p>;
  return (
    <details className="mt-1.5">
      <summary className="cursor-pointer text-[13px] text-subtle">Last console lines</summary>
      <pre className="mt-2 max-h-80 overflow-auto whitespace-pre-wrap break-words rounded-lg bg-terminal p-3 font-mono text-white/85 text-xs">
        {plainText(text)}
      </pre>
    </details>
  );
}
