import { OctagonX, Play, RotateCw, Square } from "lucide-react";
import { useState } from "react";
import type { ServerDetail } from "../../../protocol/api/servers.ts";
import type { PowerAction } from "../../../protocol/server-state.ts";
import { allows, usePower } from "../../api/servers.ts";
import { toastFailure } from "../../components/failure-notice.tsx";
import { Button } from "../../components/ui/button.tsx";
import { ConfirmDialog } from "../../components/ui/dialog.tsx";
import { Tooltip } from "../../components/ui/tooltip.tsx";
import { powerObstacle } from "./power.ts";

const BUTTONS = [
  { action: "start", label: "Start", icon: Play, variant: "success" },
  { action: "restart", label: "Restart", icon: RotateCw, variant: "secondary" },
  { action: "stop", label: "Stop", icon: Square, variant: "secondary" },
  { action: "kill", label: "Kill", icon: OctagonX, variant: "danger-outline" },
] as const;

/** Power buttons that follow the state. One that cannot be used says why, also to a keyboard. */
export function PowerButtons({ server }: { server: ServerDetail }) {
  const power = usePower(server.id);
  const [confirmingKill, setConfirmingKill] = useState(false);
  const isHeld = server.nodeMode === "maintenance";
  // A stop says that it shall not be started again when the maintenance ends.
  const isHeldToReturn = isHeld && server.status === "stopped" && server.desiredPower === "running";
  const act = (action: PowerAction) => power.mutate(action, { onError: toastFailure });

  return (
    <fieldset aria-label="Power" className="flex gap-2 max-sm:grid max-sm:w-full max-sm:grid-cols-4">
      {BUTTONS.map(({ action, label, icon: Icon, variant }) => {
        const obstacle = allows(server, `server.${action}`)
          ? powerObstacle(action, server.status, server.nodeIsOnline, {
              isWaiting: server.restartAt !== null || isHeldToReturn,
              isHeld,
            })
          : "You may not do this.";
        return (
          <Tooltip key={action} text={obstacle}>
            <Button
              variant={obstacle && action === "start" ? "secondary" : variant}
              aria-disabled={obstacle ? true : undefined}
              aria-description={obstacle ?? undefined}
              className="max-sm:px-2"
              onClick={() => {
                if (obstacle) return;
                if (action === "kill") setConfirmingKill(true);
                else act(action);
              }}
            >
              <Icon aria-hidden className="max-[420px]:hidden" />
              {label}
            </Button>
          </Tooltip>
        );
      })}
      <ConfirmDialog
        open={confirmingKill}
        onOpenChange={setConfirmingKill}
        title={`Kill ${server.name}?`}
        confirmLabel="Kill server"
        onConfirm={() => {
          setConfirmingKill(false);
          act("kill");
        }}
      >
        <p>The process ends at once, without saving. Whatever the game has not written to disk is lost.</p>
      </ConfirmDialog>
    </fieldset>
  );
}
