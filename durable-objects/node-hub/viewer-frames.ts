/** Frames of a viewer's socket. */

import { consoleLineSchema } from "../../protocol/api/servers.ts";
import { CLOSE } from "../../protocol/close-codes.ts";
import type { ErrorCode } from "../../protocol/errors.ts";
import { type ClientToHub, clientToHubSchema } from "../../protocol/frames/client-to-hub.ts";
import { AGENT_REQUEST_DEADLINE_MS, BAD_FRAMES_MAX, CLIENT_FRAME_MAX_BYTES } from "../../protocol/limits.ts";
import type { EffectList } from "./effects.ts";
import type { HubState } from "./hub-state.ts";
import { parseFrame } from "./parse-frame.ts";
import { may, takeReplayToken, type Viewer } from "./viewer-state.ts";

const TOO_MANY_RETRY_MS = 30_000;

/** @param frame the frame's text, or null for a binary one. */
export function viewerFrame(hub: HubState, viewer: Viewer, frame: string | null, fx: EffectList): void {
  if (viewer.expiresAt <= fx.now) {
    hub.endViewer(viewer, CLOSE.NOT_AUTHENTICATED, "the sign-in has expired", 0, fx);
    return;
  }
  const parsed = parseFrame(frame, CLIENT_FRAME_MAX_BYTES, clientToHubSchema);
  if (!parsed.ok) refuse(hub, viewer, parsed.code, parsed.error, fx);
  else if (parsed.frame.type === "ping") fx.toViewers(viewer.id, { type: "pong" });
  else if (parsed.frame.type === "client_handshake")
    refuse(hub, viewer, "VALIDATION", "this socket needs no handshake", fx);
  else if (parsed.frame.serverId !== viewer.serverId)
    refuse(hub, viewer, "NOT_FOUND", "this socket is of another server", fx);
  else dispatch(hub, viewer, parsed.frame, fx);
}

type ServerFrame = Exclude<ClientToHub, { type: "ping" } | { type: "client_handshake" }>;

function dispatch(hub: HubState, viewer: Viewer, frame: ServerFrame, fx: EffectList): void {
  switch (frame.type) {
    case "console_ack":
      hub.fanout.ack(viewer, frame.offset, fx);
      break;
    case "subscribe":
      if (!may(viewer, "console.read")) deny(viewer, "console.read", fx);
      else if (!takeReplayToken(viewer, fx.now))
        refuse(hub, viewer, "RATE_LIMITED", "subscribed too often in a short time", fx);
      else hub.fanout.subscribe(viewer, frame.from ?? null, fx);
      break;
    case "unsubscribe":
      hub.fanout.unsubscribe(viewer, fx);
      break;
    case "console_input":
      consoleInput(hub, viewer, frame.data, fx);
      break;
    case "server_control":
      power(hub, viewer, frame, fx);
      break;
  }
}

/** One line for the game. Success is silent: the game's own output is the answer. */
function consoleInput(hub: HubState, viewer: Viewer, data: string, fx: EffectList): void {
  if (!may(viewer, "console.write")) {
    deny(viewer, "console.write", fx);
    return;
  }
  const line = consoleLineSchema.safeParse(data);
  if (!line.success) {
    refuse(hub, viewer, "VALIDATION", `data: ${line.error.issues[0]?.message ?? "not a console line"}`, fx);
    return;
  }
  const refusal = hub.ask(
    { op: "console_input", serverId: viewer.serverId, data: line.data },
    hub.newId(),
    { kind: "input", viewer: viewer.id },
    AGENT_REQUEST_DEADLINE_MS,
    fx,
  );
  if (refusal) hub.answer({ kind: "input", viewer: viewer.id }, refusal, fx);
}

function power(
  hub: HubState,
  viewer: Viewer,
  frame: Extract<ServerFrame, { type: "server_control" }>,
  fx: EffectList,
): void {
  const commandId = frame.commandId ?? hub.newId();
  const waiter = { kind: "power", viewer: viewer.id, commandId } as const;
  if (!may(viewer, `server.${frame.action}`)) {
    hub.answer(waiter, { ok: false, code: "PERMISSION_DENIED", error: `You may not ${frame.action} this server.` }, fx);
    return;
  }
  const refusal = hub.ask(
    { op: "power", serverId: viewer.serverId, action: frame.action, commandId, issuedAt: fx.now },
    hub.newId(),
    waiter,
    AGENT_REQUEST_DEADLINE_MS,
    fx,
  );
  if (refusal) hub.answer(waiter, refusal, fx);
}

/** Not having a permission is no abuse of the protocol: it is answered, not counted. */
function deny(viewer: Viewer, permission: string, fx: EffectList): void {
  fx.toViewers(viewer.id, {
    type: "error",
    code: "PERMISSION_DENIED",
    error: `This needs the permission ${permission}.`,
  });
}

function refuse(hub: HubState, viewer: Viewer, code: ErrorCode, error: string, fx: EffectList): void {
  viewer.badFrames += 1;
  fx.toViewers(viewer.id, { type: "error", code, error });
  if (viewer.badFrames > BAD_FRAMES_MAX)
    hub.endViewer(viewer, CLOSE.TOO_MANY, "too many frames were refused", TOO_MANY_RETRY_MS, fx);
  else fx.touch(viewer);
}
