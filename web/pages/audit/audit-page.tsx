import { useAudit } from "../../api/administration.ts";
import { ActivityList } from "../../components/activity-list.tsx";
import { FailureNotice } from "../../components/failure-notice.tsx";
import { Page } from "../../components/page.tsx";
import { Pager } from "../../components/pager.tsx";
import { SearchInput } from "../../components/search-input.tsx";
import { Card } from "../../components/ui/card.tsx";
import { Skeleton } from "../../components/ui/skeleton.tsx";
import { usePagedSearch } from "../../components/use-paged-search.ts";

export default function AuditPage() {
  const { q, cursors, setCursors, field } = usePagedSearch();
  const audit = useAudit({ q, cursor: cursors.at(-1) });
  return (
    <Page title="Audit log" description="Every change, with who made it and when.">
      <SearchInput label="Search the audit log" placeholder="Action or target id, such as server.create" {...field} />
      {audit.isError && !audit.data ? (
        <FailureNotice error={audit.error} onRetry={() => void audit.refetch()} />
      ) : (
        <Card aria-label="Audit log" className="overflow-hidden">
          {audit.data ? (
            <ActivityList entries={audit.data.items} withTarget />
          ) : (
            <div className="space-y-4 p-5">
              {[0, 1, 2, 3, 4].map((row) => (
                <Skeleton key={row} className="h-5 w-full" />
              ))}
            </div>
          )}
        </Card>
      )}
      <Pager cursors={cursors} nextCursor={audit.data?.nextCursor ?? null} onChange={setCursors} />
    </Page>
  );
}
