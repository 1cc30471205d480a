import { RotateCw } from "lucide-react";
import type { ServerDetail } from "../../../protocol/api/servers.ts";
import { pendingWords } from "./pending-changes.ts";

/** What was changed while the server runs and has not reached it yet. */
export function PendingBanner({ server }: { server: ServerDetail }) {
  const words = pendingWords(server.pendingRestart);
  if (!words) return null;
  return (
    <div role="status" className="mt-3 flex items-start gap-2.5 rounded-lg bg-muted px-3 py-2 text-[13px] text-subtle">
      <RotateCw className="mt-0.5 size-3.5 shrink-0" aria-hidden />
      <div className="min-w-0">
        <p>{words.summary}</p>
        {words.reasons.map((reason) => (
          <p key={reason}>{reason}</p>
        ))}
      </div>
    </div>
  );
}
