import { useState } from "react";
import { useServerActivity } from "../../api/servers.ts";
import { ActivityList } from "../../components/activity-list.tsx";
import { FailureNotice } from "../../components/failure-notice.tsx";
import { Pager } from "../../components/pager.tsx";
import { Card } from "../../components/ui/card.tsx";
import { Skeleton } from "../../components/ui/skeleton.tsx";

export function ActivityTab({ serverId }: { serverId: string }) {
  const [cursors, setCursors] = useState<string[]>([]);
  const activity = useServerActivity(serverId, cursors.at(-1));
  return (
    <div className="mx-auto w-full max-w-6xl px-4 py-6 sm:px-6 lg:px-8">
      {activity.isError && !activity.data ? (
        <FailureNotice error={activity.error} onRetry={() => void activity.refetch()} />
      ) : (
        <Card aria-label="Activity" className="overflow-hidden">
          {activity.data ? (
            <ActivityList entries={activity.data.items} withTarget={false} />
          ) : (
            <div className="space-y-4 p-5">
              <Skeleton className="h-5 w-full" />
              <Skeleton className="h-5 w-4/5" />
              <Skeleton className="h-5 w-5/6" />
            </div>
          )}
        </Card>
      )}
      <Pager cursors={cursors} nextCursor={activity.data?.nextCursor ?? null} onChange={setCursors} />
    </div>
  );
}
