import type { NodeMode } from "../../protocol/node-mode.ts";
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

const MODE_WORDS: Record<NodeMode, string | null> = {
  active: null,
  draining: "Draining",
  maintenance: "Maintenance",
};

/** Whether the node is connected, and what it is for when that is not everything. */
export function NodeBadge({
  isOnline,
  isEnrolled,
  mode = "active",
}: {
  isOnline: boolean;
  isEnrolled: boolean;
  mode?: NodeMode;
}) {
  const words = MODE_WORDS[mode];
  const tone = isOnline ? (words ? "warning" : "success") : isEnrolled ? "danger" : "neutral";
  return (
    <Badge tone={tone}>
      <Dot tone={tone} />
      {isOnline ? "Online" : isEnrolled ? "Offline" : "Not set up"}
      {words && <span className="font-normal">· {words.toLowerCase()}</span>}
    </Badge>
  );
}
