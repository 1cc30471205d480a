import { PackageOpen } from "lucide-react";
import { useEffect, useState } from "react";
import { useNavigate } from "react-router";
import { toast } from "sonner";
import type { ServerDetail } from "../../../protocol/api/servers.ts";
import { allows, useCancelInstall, useReinstallServer } from "../../api/servers.ts";
import { toastFailure } from "../../components/failure-notice.tsx";
import { Button } from "../../components/ui/button.tsx";
import { ConfirmDialog } from "../../components/ui/dialog.tsx";
import { Field } from "../../components/ui/field.tsx";
import { Input } from "../../components/ui/input.tsx";
import { Switch } from "../../components/ui/switch.tsx";
import { elapsedWords } from "./elapsed-words.ts";

/** While a server is being installed: for how long by now, and the way out. */
export function InstallBanner({ server }: { server: ServerDetail }) {
  const cancel = useCancelInstall(server.id);
  const [confirming, setConfirming] = useState(false);
  const isInstalling = server.status === "installing";
  const now = useNow(isInstalling);
  if (!isInstalling) return null;
  const since = server.statusSince === null ? null : Date.parse(server.statusSince);
  const obstacle = server.nodeIsOnline ? null : "The node is offline.";
  return (
    <div className="mt-3 flex flex-wrap items-center gap-x-4 gap-y-2 rounded-lg border bg-raised px-4 py-3 text-sm">
      <PackageOpen aria-hidden className="size-4 shrink-0 text-subtle" />
      <p className="min-w-0 flex-1 basis-56" role="status">
        Installing{since === null ? "" : ` for ${elapsedWords(now - since)}`}. The console shows what it does.
      </p>
      {allows(server, "server.reinstall") && (
        <Button
          variant="danger-outline"
          aria-disabled={obstacle ? true : undefined}
          aria-description={obstacle ?? undefined}
          busy={cancel.isPending}
          onClick={() => !obstacle && setConfirming(true)}
        >
          Cancel installation
        </Button>
      )}
      <ConfirmDialog
        open={confirming}
        onOpenChange={setConfirming}
        title="Cancel the installation?"
        confirmLabel="Cancel installation"
        busy={cancel.isPending}
        onConfirm={() =>
          cancel.mutate(undefined, {
            onSuccess: () => toast.success("The installation ends"),
            onError: toastFailure,
            onSettled: () => setConfirming(false),
          })
        }
      >
        <p>What was installed so far stays as it is. A start or a reinstall begins the installation anew.</p>
      </ConfirmDialog>
    </div>
  );
}

/** The present second, while somebody needs it. */
function useNow(isNeeded: boolean): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    if (!isNeeded) return;
    setNow(Date.now());
    const timer = setInterval(() => setNow(Date.now()), 1_000);
    return () => clearInterval(timer);
  }, [isNeeded]);
  return now;
}

interface ReinstallDialogProps {
  server: ServerDetail;
  open: boolean;
  onOpenChange: (open: boolean) => void;
}

/** Asks whether files go, and has the server's name typed if they do. */
export function ReinstallDialog({ server, open, onOpenChange }: ReinstallDialogProps) {
  const navigate = useNavigate();
  const reinstall = useReinstallServer(server.id);
  const [wipe, setWipe] = useState(false);
  const [typed, setTyped] = useState("");
  const mayWipe = allows(server, "file.delete");
  const close = () => {
    onOpenChange(false);
    setWipe(false);
    setTyped("");
  };
  return (
    <ConfirmDialog
      open={open}
      onOpenChange={(isOpen) => (isOpen ? onOpenChange(true) : close())}
      title={`Reinstall ${server.name}?`}
      confirmLabel={wipe ? "Delete files and reinstall" : "Reinstall server"}
      busy={reinstall.isPending}
      disabled={wipe && typed !== server.name}
      onConfirm={() =>
        reinstall.mutate(
          { wipe },
          {
            onSuccess: () => {
              close();
              void navigate(`/servers/${server.id}`);
            },
            onError: toastFailure,
          },
        )
      }
    >
      <p>
        The game's install script runs again.
        {!wipe && " Files that it writes are replaced; everything else stays."}
      </p>
      {mayWipe && (
        <div className="flex items-start justify-between gap-4 rounded-lg border p-3">
          <div>
            <label htmlFor="reinstall-wipe" className="font-medium text-foreground">
              Delete all files first
            </label>
            <p className="text-[13px]">Worlds, plugins and settings are removed from the node.</p>
          </div>
          <Switch id="reinstall-wipe" checked={wipe} onCheckedChange={setWipe} />
        </div>
      )}
      {wipe && (
        <>
          <p>The files cannot be brought back.</p>
          <Field label={`Type ${server.name} to confirm`}>
            <Input value={typed} onChange={(event) => setTyped(event.target.value)} autoComplete="off" />
          </Field>
        </>
      )}
    </ConfirmDialog>
  );
}
