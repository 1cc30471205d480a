/** Frames of the agent's socket. */

import { CLOSE } from "../../protocol/close-codes.ts";
import { decodeConsoleEnvelope, isConsoleEnvelope } from "../../protocol/console-envelope.ts";
import type { ErrorCode } from "../../protocol/errors.ts";
import { type AgentToHub, agentToHubSchema } from "../../protocol/frames/agent-to-hub.ts";
import type { HubToClient } from "../../protocol/frames/hub-to-client.ts";
import type { ServerStateEvent } from "../../protocol/frames/shared.ts";
import { AGENT_FRAME_MAX_BYTES, BAD_FRAMES_MAX } from "../../protocol/limits.ts";
import { PROTOCOL_VERSION, PROTOCOL_VERSION_MIN } from "../../protocol/version.ts";
import { type AgentConnection, agentAttachment } from "./agent-connection.ts";
import type { EffectList } from "./effects.ts";
import { EVENT_RULES, EVENTS_RETRY_MS } from "./flood-limits.ts";
import type { HubState } from "./hub-state.ts";
import { parseFrame } from "./parse-frame.ts";
import { refilled, spend } from "./token-bucket.ts";
import { maySeeHealth } from "./viewer-state.ts";

/** An agent whose protocol is not spoken here is updated by a person or by its own updater: no hurry. */
const WRONG_VERSION_RETRY_MS = 5 * 60_000;
const TOO_MANY_RETRY_MS = 30_000;
const SUSPENDED_RETRY_MS = 500;

/** @param frame the frame's text, or null for a binary one. */
export function agentFrame(hub: HubState, agent: AgentConnection, frame: string | null, fx: EffectList): void {
  agent.heardAt = fx.now;
  if (frame !== null && isConsoleEnvelope(frame) && agent.isReady) {
    const envelope = frame.length <= AGENT_FRAME_MAX_BYTES ? decodeConsoleEnvelope(frame) : null;
    if (!envelope || !hub.fanout.text(envelope, fx)) refuse(hub, agent, "VALIDATION", "not a console frame", fx);
    return;
  }
  const parsed = parseFrame(frame, AGENT_FRAME_MAX_BYTES, agentToHubSchema);
  if (!parsed.ok) refuse(hub, agent, parsed.code, parsed.error, fx);
  else if (parsed.frame.type === "ping") fx.toAgent(agent.id, { type: "pong" });
  else if (agent.isReady === (parsed.frame.type === "hello"))
    refuse(hub, agent, "VALIDATION", agent.isReady ? "hello was said already" : "hello must come first", fx);
  else dispatch(hub, agent, parsed.frame, fx);
}

function dispatch(hub: HubState, agent: AgentConnection, frame: AgentToHub, fx: EffectList): void {
  switch (frame.type) {
    case "hello":
      hello(hub, agent, frame, fx);
      break;
    case "server_state":
      serverState(hub, agent, frame, fx);
      break;
    case "console_replay_done":
      if (!hub.fanout.replayDone(frame.serverId, frame.requestId, frame.offset, frame.oldest, fx))
        refuse(hub, agent, "VALIDATION", "that replay is of another server", fx);
      break;
    case "console_gap":
      if (!hub.fanout.gap(frame.serverId, frame.from, frame.to, frame.requestId, fx))
        refuse(hub, agent, "VALIDATION", "not a gap of that console", fx);
      break;
    case "resource_stats":
      hub.toServer(frame.serverId, frame, fx);
      break;
    case "health_report":
      health(hub, frame, fx);
      break;
    case "response": {
      const waiter = hub.pending.take(frame.requestId);
      if (waiter)
        hub.answer(
          waiter,
          frame.ok ? { ok: true, data: frame.data } : { ok: false, code: frame.code, error: frame.error },
          fx,
        );
      break;
    }
    case "ping":
      break;
  }
}

function hello(
  hub: HubState,
  agent: AgentConnection,
  frame: Extract<AgentToHub, { type: "hello" }>,
  fx: EffectList,
): void {
  if (frame.protocol < PROTOCOL_VERSION_MIN || frame.protocol > PROTOCOL_VERSION) {
    const spoken = `${PROTOCOL_VERSION_MIN} to ${PROTOCOL_VERSION}`;
    hub.loseAgent(fx);
    fx.bye(
      agent.id,
      CLOSE.FORBIDDEN,
      `protocol ${frame.protocol} is not spoken here, only ${spoken}`,
      WRONG_VERSION_RETRY_MS,
    );
    return;
  }
  agent.isReady = true;
  fx.add({ kind: "attach", socket: agent.id, attachment: agentAttachment(agent) });
  hub.facts = { ...hub.facts, agentVersion: frame.agentVersion, runtime: frame.runtime };
  hub.recordPresence(true, fx.now, 0, fx);
  const { epoch, specGeneration, ackedSeq, nodeId } = hub.facts;
  fx.toAgent(agent.id, {
    type: "welcome",
    protocol: frame.protocol,
    epoch,
    specGeneration,
    ackedSeq,
    serverTime: fx.now,
  });
  hub.fanout.agentReady(agent.id, fx);
  hub.updateWatch(true, fx);
  if (nodeId !== null) hub.toEverybody({ type: "node_status", nodeId, online: true }, fx);
}

/** Keeps the event before it is acknowledged; one that is known already is acknowledged again and nothing else. */
function serverState(hub: HubState, agent: AgentConnection, event: ServerStateEvent, fx: EffectList): void {
  if (event.seq > hub.facts.ackedSeq) {
    const eventAllowance = spend(refilled(hub.facts.eventAllowance, EVENT_RULES, fx.now));
    if (!eventAllowance) {
      // Nothing is lost by it: what was not acknowledged is told again when the agent is back.
      hub.loseAgent(fx);
      fx.bye(agent.id, CLOSE.TOO_MANY, "too many events in a short time", EVENTS_RETRY_MS);
      return;
    }
    fx.add({ kind: "record_state", event });
    hub.remember({ ackedSeq: event.seq, eventAllowance }, fx);
    hub.toServer(event.serverId, stateUpdate(event), fx);
    if (event.state === "suspended") leaveToStaff(hub, event.serverId, fx);
  }
  fx.toAgent(agent.id, { type: "event_ack", seq: hub.facts.ackedSeq });
}

/**
 * Whoever came in while the suspension was being written down is sent back to the Worker, which knows whether it still
 * holds and refuses them then. An event that is late thus costs a viewer one reconnection.
 */
function leaveToStaff(hub: HubState, serverId: string, fx: EffectList): void {
  for (const viewer of [...hub.fanout.viewersOf(serverId)]) {
    if (!viewer.seesSuspended) hub.endViewer(viewer, CLOSE.RESTART, "the server was suspended", SUSPENDED_RETRY_MS, fx);
  }
}

function health(hub: HubState, report: Extract<AgentToHub, { type: "health_report" }>, fx: EffectList): void {
  const recipients = [...hub.viewers.values()].filter((viewer) => maySeeHealth(viewer) && viewer.expiresAt > fx.now);
  // A node speaks for itself alone, whatever it writes.
  const nodeId = hub.facts.nodeId ?? report.nodeId;
  fx.toViewers(
    recipients.map((viewer) => viewer.id),
    { ...report, nodeId },
  );
}

/** The frame that viewers get of an event. */
export function stateUpdate(event: ServerStateEvent): HubToClient {
  const { serverId, state, reason, exitCode, signal, oomKilled, startedAt, crashCount, timestamp } = event;
  const restartAt = event.restartAt ?? null;
  const pendingRestart = event.pendingRestart ?? [];
  const run = { exitCode, signal, oomKilled, startedAt, restartAt, crashCount, pendingRestart };
  return { type: "server_state_update", serverId, state, reason, ...run, timestamp };
}

function refuse(hub: HubState, agent: AgentConnection, code: ErrorCode, error: string, fx: EffectList): void {
  agent.badFrames += 1;
  fx.toAgent(agent.id, { type: "error", code, error });
  if (agent.badFrames <= BAD_FRAMES_MAX) {
    fx.add({ kind: "attach", socket: agent.id, attachment: agentAttachment(agent) });
    return;
  }
  hub.loseAgent(fx);
  fx.bye(agent.id, CLOSE.TOO_MANY, "too many frames were refused", TOO_MANY_RETRY_MS);
}
