import type { ServerState } from "../../protocol/server-state.ts";
import { Badge, type BadgeTone, Dot } from "./ui/badge.tsx";

const LOOKS: Record<ServerState, { label: string; tone: BadgeTone; pulse: boolean }> = {
  installing: { label: "Installing", tone: "accent", pulse: true },
  stopped: { label: "Stopped", tone: "neutral", pulse: false },
  starting: { label: "Starting", tone: "warning", pulse: true },
  running: { label: "Running", tone: "success", pulse: false },
  stopping: { label: "Stopping", tone: "warning", pulse: true },
  crashed: { label: "Crashed", tone: "danger", pulse: false },
  suspended: { label: "Suspended", tone: "warning", pulse: false },
  error: { label: "Error", tone: "danger", pulse: false },
};

/** The state of a server; while its node is out of reach, the last one known. */
export function StateBadge({ state, nodeIsOnline = true }: { state: ServerState; nodeIsOnline?: boolean }) {
  const { label, tone, pulse } = LOOKS[state];
  if (!nodeIsOnline) {
    return (
      <Badge tone="neutral" title="The node is offline: this is the last state it reported.">
        <Dot tone="neutral" />
        {label}
        <span className="font-normal">· node offline</span>
      </Badge>
    );
  }
  return (
    <Badge tone={tone}>
      <Dot tone={tone} pulse={pulse} />
      {label}
    </Badge>
  );
}

export function NodeBadge({ isOnline, isEnrolled }: { isOnline: boolean; isEnrolled: boolean }) {
  const tone = isOnline ? "success" : isEnrolled ? "danger" : "neutral";
  return (
    <Badge tone={tone}>
      <Dot tone={tone} />
      {isOnline ? "Online" : isEnrolled ? "Offline" : "Not set up"}
    </Badge>
  );
}
