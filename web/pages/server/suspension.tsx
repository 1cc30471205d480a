import { Ban } from "lucide-react";
import { useState } from "react";
import { toast } from "sonner";
import type { User } from "../../../protocol/api/auth.ts";
import type { ServerDetail } from "../../../protocol/api/servers.ts";
import { can, useMe } from "../../api/account.ts";
import { useSuspendServer, useUnsuspendServer } from "../../api/servers.ts";
import { Banner } from "../../components/banner.tsx";
import { toastFailure } from "../../components/failure-notice.tsx";
import { ReasonDialog } from "../../components/reason-dialog.tsx";
import { TimeAgo } from "../../components/time-ago.tsx";
import { Button } from "../../components/ui/button.tsx";

/** Whether a suspension leaves the server as it is to this person: they are there to look into it. */
const overseesSuspended = (me: User | null | undefined) =>
  ["server.suspend", "admin.read", "admin.write"].some((permission) => can(me, permission));

/** True for a user of the server who can do nothing with it now. */
export function useIsBarred(server: ServerDetail): boolean {
  const me = useMe().data;
  return server.isSuspended && !overseesSuspended(me);
}

/** Says that the server is suspended, since when, why and by whom, as far as the reader is told. */
export function SuspensionBanner({ server }: { server: ServerDetail }) {
  const me = useMe().data;
  const unsuspend = useUnsuspendServer(server.id);
  const { suspension } = server;
  if (!suspension) return null;
  const mayEnd = can(me, "server.suspend");
  return (
    <Banner
      icon={Ban}
      className="mt-4"
      title={
        <>
          This server was suspended <TimeAgo at={suspension.at} />
          {suspension.by && ` by ${suspension.by.name}`}.
        </>
      }
      actions={
        mayEnd && (
          <Button
            size="small"
            busy={unsuspend.isPending}
            onClick={() =>
              unsuspend.mutate(undefined, {
                onSuccess: () => toast.success(`${server.name} is no longer suspended`),
                onError: toastFailure,
              })
            }
          >
            Unsuspend
          </Button>
        )
      }
    >
      {suspension.reason && <p className="whitespace-pre-line break-words text-foreground">{suspension.reason}</p>}
      <p>
        {overseesSuspended(me)
          ? "It is stopped. Its users see this page and can do nothing until the suspension ends; then it returns to what it was."
          : "It is stopped and cannot be used until the suspension ends. Its files are kept. Ask the people who run this panel."}
      </p>
    </Banner>
  );
}

/** The button by which staff suspends, with its dialog. */
export function SuspendButton({ server }: { server: ServerDetail }) {
  const suspend = useSuspendServer(server.id);
  const [asking, setAsking] = useState(false);
  return (
    <>
      <Button variant="danger-outline" onClick={() => setAsking(true)}>
        Suspend
      </Button>
      <ReasonDialog
        open={asking}
        onOpenChange={setAsking}
        title={`Suspend ${server.name}?`}
        description="It is stopped, everybody but staff is disconnected from its console, and its users can neither start nor change it."
        hint="The owner reads it on the server's page, and it stands in the activity log."
        placeholder="The invoice of October is still open."
        confirmLabel="Suspend server"
        busy={suspend.isPending}
        onConfirm={(reason) =>
          suspend.mutate(reason, {
            onSuccess: () => {
              setAsking(false);
              toast.success(`${server.name} is suspended`);
            },
            onError: toastFailure,
          })
        }
      />
    </>
  );
}
