import { UserPlus, Users } from "lucide-react";
import { useState } from "react";
import { toast } from "sonner";
import type { Grant } from "../../../../protocol/api/access.ts";
import type { ServerDetail } from "../../../../protocol/api/servers.ts";
import { useAccess, useDeleteGrant } from "../../../api/access.ts";
import { useMe } from "../../../api/account.ts";
import { allows } from "../../../api/servers.ts";
import { EmptyState } from "../../../components/empty-state.tsx";
import { FailureNotice, toastFailure } from "../../../components/failure-notice.tsx";
import { TimeAgo } from "../../../components/time-ago.tsx";
import { Badge } from "../../../components/ui/badge.tsx";
import { Button } from "../../../components/ui/button.tsx";
import { Card, CardHeader } from "../../../components/ui/card.tsx";
import { ConfirmDialog } from "../../../components/ui/dialog.tsx";
import { Skeleton } from "../../../components/ui/skeleton.tsx";
import { useIsBarred } from "../suspension.tsx";
import { GrantDialog } from "./grant-dialog.tsx";
import { grantWords } from "./permission-groups.ts";

/** Who besides the owner may do what with a server. */
export function AccessTab({ server }: { server: ServerDetail }) {
  const grants = useAccess(server.id);
  const isBarred = useIsBarred(server);
  const [giving, setGiving] = useState(false);
  const giveButton = allows(server, "access.create") && !isBarred && (
    <Button size="small" variant="primary" onClick={() => setGiving(true)}>
      <UserPlus aria-hidden /> Give access
    </Button>
  );
  return (
    <div className="mx-auto w-full max-w-4xl px-4 py-6 sm:px-6 lg:px-8">
      {grants.isError && !grants.data ? (
        <FailureNotice error={grants.error} onRetry={() => void grants.refetch()} />
      ) : (
        <Card aria-label="Access" className="overflow-hidden">
          <CardHeader
            title="Access"
            description={`${server.ownerName} owns this server and may do everything.`}
            actions={giveButton}
          />
          {grants.isPending && <Skeleton className="m-5 h-12" />}
          {grants.data?.items.length === 0 && (
            <EmptyState icon={Users} title="Nobody else has access">
              Let friends look on, run the server with you, or do everything but delete it.
            </EmptyState>
          )}
          {grants.data && grants.data.items.length > 0 && (
            <ul className="divide-y border-t">
              {grants.data.items.map((grant) => (
                <GrantRow key={grant.userId} server={server} grant={grant} isBarred={isBarred} />
              ))}
            </ul>
          )}
        </Card>
      )}
      <GrantDialog server={server} grant={null} open={giving} onOpenChange={setGiving} />
    </div>
  );
}

function GrantRow({ server, grant, isBarred }: { server: ServerDetail; grant: Grant; isBarred: boolean }) {
  const me = useMe().data;
  const remove = useDeleteGrant(server.id);
  const [changing, setChanging] = useState(false);
  const [removing, setRemoving] = useState(false);
  const isSelf = grant.userId === me?.id;
  // Nobody changes or takes away more than they hold themselves.
  const isWithinOwn = !isSelf && !isBarred && grant.permissions.every((permission) => allows(server, permission));
  return (
    <li className="flex flex-wrap items-center justify-between gap-x-4 gap-y-2 px-5 py-3.5">
      <div className="min-w-0 flex-1 basis-48 max-sm:basis-full">
        <p className="font-medium text-sm">
          {grant.username}
          {isSelf && <span className="ml-2 font-normal text-faint text-xs">you</span>}
        </p>
        <p className="break-all text-[13px] text-subtle">{grant.email}</p>
      </div>
      <div className="flex items-center gap-3">
        <Badge title={grant.permissions.join(", ")}>{grantWords(grant.permissions)}</Badge>
        <TimeAgo at={grant.createdAt} className="text-subtle text-xs max-sm:hidden" />
      </div>
      <div className="flex gap-2">
        {isWithinOwn && allows(server, "access.update") && (
          <Button size="small" onClick={() => setChanging(true)}>
            Change
          </Button>
        )}
        {isWithinOwn && allows(server, "access.delete") && (
          <Button size="small" variant="danger-outline" onClick={() => setRemoving(true)}>
            Remove
          </Button>
        )}
      </div>
      <GrantDialog server={server} grant={grant} open={changing} onOpenChange={setChanging} />
      <ConfirmDialog
        open={removing}
        onOpenChange={setRemoving}
        title={`Take access from ${grant.username}?`}
        confirmLabel="Remove access"
        busy={remove.isPending}
        onConfirm={() =>
          remove.mutate(grant.userId, {
            onSuccess: () => {
              setRemoving(false);
              toast.success(`${grant.username} has no access any more`);
            },
            onError: toastFailure,
          })
        }
      >
        <p>They are disconnected at once and no longer see {server.name}.</p>
      </ConfirmDialog>
    </li>
  );
}
