/** Limits that two sides must agree on. The unit is in the name; KiB and MiB are powers of two. */

/** Text of one console frame, counted in bytes of the log. */
export const CONSOLE_FRAME_MAX_BYTES = 32 * 1024;
/** After its first line a server's console text is gathered this long before the next frame leaves the agent. */
export const CONSOLE_COALESCE_MS = 40;
/** Text sent to one viewer and not yet acknowledged; past it the hub stops sending to that viewer alone. */
export const VIEWER_CREDIT_BYTES = 256 * 1024;
/** A viewer acknowledges at least each time it received this much, and within `VIEWER_ACK_MS` of the last frame. */
export const VIEWER_ACK_BYTES = 32 * 1024;
export const VIEWER_ACK_MS = 250;
/** A viewer that acknowledges nothing for this long while text waits is closed with 4408. */
export const VIEWER_STALL_MS = 30_000;
/**
 * Text of one server under way between agent and hub beyond the offset the hub credited. Two windows fit into
 * `VIEWER_CREDIT_BYTES`, so that one credit that came too late costs a quick viewer no gap.
 */
export const AGENT_CREDIT_BYTES = 128 * 1024;
/**
 * Without new credit for this long the agent goes on as if credited, so a lost credit never stops a console. Longer than
 * fifty viewers on a busy edge take to confirm a window: going on too early makes every one of them miss text at once.
 */
export const AGENT_CREDIT_TIMEOUT_MS = 1_000;
/** When a server's live text is further behind the log's end than this, the agent skips to the newest and states the gap. */
export const CONSOLE_BACKLOG_MAX_BYTES = 8 * 1024 * 1024;
/**
 * A server may send this much live text at full speed; what it prints beyond is sent at the sustained rate, which
 * nobody can read either. Without the cap one endless flood would keep the hub and every viewer's machine busy.
 */
export const CONSOLE_BURST_BYTES = 16 * 1024 * 1024;
export const CONSOLE_SUSTAINED_BYTES_PER_SECOND = 1024 * 1024;
/** History sent to a viewer that joins or comes back; what is older is a stated gap that the history route fills. */
export const CONSOLE_REPLAY_MAX_BYTES = 256 * 1024;
/** One answer of the history route. */
export const CONSOLE_LOGS_MAX_BYTES = 1024 * 1024;
/** One line typed into a console. */
export const CONSOLE_INPUT_MAX_BYTES = 32 * 1024;
/** After the last viewer left, the hub keeps the stream open this long before `console_close`. */
export const CONSOLE_LINGER_MS = 5_000;

/** A server that crashes so often within so long is not restarted any more: unless its owner chose otherwise, and the bounds of that choice. */
export const MAX_CRASHES_DEFAULT = 5;
export const MAX_CRASHES_LIMIT = 100;
export const CRASH_WINDOW_SECONDS_DEFAULT = 10 * 60;
export const CRASH_WINDOW_SECONDS_MIN = 10;
export const CRASH_WINDOW_SECONDS_MAX = 24 * 60 * 60;
/** What is kept of a console with each crash: the end of the run's output. */
export const CRASH_LINES_MAX = 50;
export const CRASH_TEXT_MAX_BYTES = 8 * 1024;
/** Crashes of one server that Postgres keeps, the newest. */
export const CRASHES_KEPT_MAX = 100;

/** Ports that a server's owner may give it, unless its node's managers chose otherwise. */
export const ALLOCATION_LIMIT_DEFAULT = 10;
export const ALLOCATION_LIMIT_MAX = 1_000;
/** Ports made, or deleted, by one call. */
export const PORT_RANGE_MAX = 1_000;
/** Exclusions of one pool. */
export const POOL_EXCLUSIONS_MAX = 200;

/** Largest frame accepted from a browser or script. */
export const CLIENT_FRAME_MAX_BYTES = 64 * 1024;
/** Largest frame accepted from an agent: a console frame whose every byte needs escaping, with room for its header. */
export const AGENT_FRAME_MAX_BYTES = 1024 * 1024 * 2;
/** Refused frames after which a socket is closed with 4429. */
export const BAD_FRAMES_MAX = 20;
/** Viewers of one server, and sockets of one node's hub. */
export const VIEWERS_PER_SERVER_MAX = 500;
export const SOCKETS_PER_HUB_MAX = 5_000;

/** The general socket must introduce itself within this time. */
export const HANDSHAKE_TIMEOUT_MS = 5_000;
/** Application-level keep-alive; the runtime answers it without waking the hub. */
export const PING_INTERVAL_MS = 30_000;
export const PING_TEXT = '{"type":"ping"}';
export const PONG_TEXT = '{"type":"pong"}';
/** An agent silent for longer than this (two pings and some slack) is taken for gone. */
export const AGENT_SILENT_MS = 75_000;

/** Default time an agent has to answer a request of the control plane. */
export const AGENT_REQUEST_DEADLINE_MS = 10_000;
/** Live figures are sent at this interval while somebody looks. */
export const STATS_INTERVAL_MS = 2_000;
/** Agents remember this many command ids, so that a retried command is answered and not repeated. */
export const COMMAND_MEMORY = 1_000;

/** A deployment token can be used once within this time. */
export const DEPLOYMENT_TOKEN_TTL_MS = 60 * 60 * 1000;
/** Life of a JSON web token. */
export const SESSION_TTL_MS = 24 * 60 * 60 * 1000;
/** An idempotency key replays the first answer for this long. */
export const IDEMPOTENCY_TTL_MS = 24 * 60 * 60 * 1000;
/** JSON request bodies. */
export const REQUEST_BODY_MAX_BYTES = 1024 * 1024;
/** Page size of lists. */
export const PAGE_LIMIT_DEFAULT = 50;
export const PAGE_LIMIT_MAX = 200;
