/**
 * The frames between browser, hub and agent. Each is one JSON text message, except console text from the agent
 * (`../console-envelope.ts`).
 *
 * Agent and hub
 *
 *     agent                                hub
 *       │── GET /api/agent/connect ────────▶│   the Worker checked the node's secret; the hub raises the epoch
 *       │── hello ─────────────────────────▶│   and ends the agent that held the slot before (bye 1012)
 *       │◀───────────────────────── welcome │   epoch, spec generation, last event kept
 *       │── GET /api/agent/spec             │   only when the generation differs from the applied one
 *       │── server_state (seq n, n+1, …) ──▶│   events after the last kept one, in order
 *       │◀─────────────────────── event_ack │
 *       │◀──────────────────── spec_changed │   whenever a service changed the spec
 *       │◀───────────────────────── request │   power, console_input, logs, stats, health, preflight, update
 *       │── response ──────────────────────▶│   exactly one each
 *
 * A viewer joins
 *
 *     viewer                  hub                     agent
 *       │── connect, from=f ──▶│── console_open ──────▶│   only for the first viewer of the server
 *       │                      │── console_replay ────▶│
 *       │◀─ console_gap ───────│◀─ console_gap ────────│   what exceeds the replay's limit
 *       │◀─ console_output ────│◀─ envelope, id ───────│   [f, live position) in pieces
 *       │◀─ subscribed ────────│◀─ console_replay_done │   live text goes on exactly here
 *       │◀─ console_output ────│◀─ envelope, - ────────│   the same string to every viewer
 *       │── console_ack ──────▶│── console_credit ────▶│   the agent may be AGENT_CREDIT_BYTES ahead
 *
 * A viewer that owes more than VIEWER_CREDIT_BYTES is skipped until it has acknowledged what it was sent; then it is
 * told the `console_gap` and goes on with live text. Nothing is ever sent twice, and whatever was not sent is named.
 *
 * Keep-alive: both kinds of client send PING_TEXT, which the runtime answers with PONG_TEXT without waking the hub.
 * Before every intended close comes `bye {code, reconnectAfterMs}`: the peer acts on it and need not wait for the close.
 */
export * from "./agent-to-hub.ts";
export * from "./client-to-hub.ts";
export * from "./hub-to-agent.ts";
export * from "./hub-to-client.ts";
export * from "./shared.ts";
