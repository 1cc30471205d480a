/**
 * The agent's one connection to the control plane. It dials, introduces itself, and comes back whenever it is lost,
 * for as long as the agent lives. What is sent while it is down is dropped: events come again from the journal, console
 * text by its offsets, and a request that got no answer is asked again under its id.
 */
import { type RawData, WebSocket } from "ws";
import type { z } from "zod";
import type { AgentResponse, helloSchema } from "../../protocol/frames/agent-to-hub.ts";
import type { HubToAgent, welcomeSchema } from "../../protocol/frames/hub-to-agent.ts";
import { PING_INTERVAL_MS, PING_TEXT } from "../../protocol/limits.ts";
import { PROTOCOL_VERSION_MIN } from "../../protocol/version.ts";
import type { NodeIdentity } from "../config.ts";
import type { ConsoleSink } from "../console/console-hub.ts";
import type { Log } from "../log.ts";
import { backoffMs } from "./backoff.ts";
import { parseFrame } from "./parse-frame.ts";

export type Hello = z.infer<typeof helloSchema>;
export type Welcome = z.infer<typeof welcomeSchema>;

const RECONNECT = { firstMs: 250, maxMs: 15_000 };
/** A secret that is refused will not be accepted in a second: an administrator has to do something first. */
const REFUSED_RETRY_MS = 60_000;
/** A link that lasted this long makes the next loss a first one again. */
const STEADY_AFTER_MS = 10_000;
const HANDSHAKE_TIMEOUT_MS = 10_000;
const WELCOME_TIMEOUT_MS = 10_000;
const FRAME_MAX_BYTES = 8 * 1024 * 1024;
const BAD_FRAMES_LOGGED_MAX = 10;

export interface LinkHandlers {
  hello(): Hello;
  /** The hub accepted this agent; frames may be sent from now on. */
  onUp(welcome: Welcome): void;
  onDown(): void;
  onFrame(frame: HubToAgent): void;
}

export type LinkState = "down" | "connecting" | "greeting" | "up" | "refused";

export class HubLink implements ConsoleSink {
  readonly #identity: NodeIdentity;
  readonly #handlers: LinkHandlers;
  readonly #log: Log;
  #socket: WebSocket | null = null;
  #state: LinkState = "down";
  #attempt = 0;
  #retry: NodeJS.Timeout | null = null;
  #reconnectAfterMs: number | null = null;
  #badFrames = 0;
  #framesSent = 0;
  #framesReceived = 0;
  #isStopped = false;

  constructor(identity: NodeIdentity, handlers: LinkHandlers, log: Log) {
    this.#identity = identity;
    this.#handlers = handlers;
    this.#log = log;
  }

  get state(): LinkState {
    return this.#state;
  }

  /** For the local figures: how busy the link is, keep-alive included. */
  get figures(): { state: LinkState; framesSent: number; framesReceived: number } {
    return { state: this.#state, framesSent: this.#framesSent, framesReceived: this.#framesReceived };
  }

  start(): void {
    if (!this.#isStopped) this.#connect();
  }

  /** Nothing is told any more once this returns. */
  stop(): void {
    this.#isStopped = true;
    if (this.#retry) clearTimeout(this.#retry);
    const socket = this.#socket;
    this.#socket = null;
    this.#state = "down";
    socket?.close(1000);
    socket?.terminate();
  }

  send(frame: string): boolean {
    if (this.#state !== "up" || this.#socket?.readyState !== WebSocket.OPEN) return false;
    this.#put(this.#socket, frame);
    return true;
  }

  respond(response: AgentResponse): boolean {
    return this.send(JSON.stringify(response));
  }

  bufferedBytes(): number {
    return this.#state === "up" ? (this.#socket?.bufferedAmount ?? 0) : 0;
  }

  #connect(): void {
    const { panelUrl, nodeId, secret } = this.#identity;
    const url = new URL("/api/agent/connect", panelUrl);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    const headers = { authorization: `Bearer ${secret}`, "x-catalyst-node": nodeId };
    this.#state = "connecting";
    this.#reconnectAfterMs = null;
    const socket = new WebSocket(url, {
      headers,
      perMessageDeflate: false,
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
      maxPayload: FRAME_MAX_BYTES,
    });
    this.#socket = socket;
    let upSince = 0;
    let heardAt = performance.now();
    let isRefused = false;
    const timers: NodeJS.Timeout[] = [];

    socket.on("unexpected-response", (_request, response) => {
      isRefused = response.statusCode === 401 || response.statusCode === 403;
      if (isRefused) {
        this.#log.error(
          { status: response.statusCode },
          "the panel refuses this node's secret; enrol this machine anew",
        );
      } else {
        this.#log.warn({ status: response.statusCode }, "the panel does not accept the connection now");
      }
      // With a listener here, ending the attempt is the listener's part.
      response.destroy();
      socket.terminate();
    });
    socket.on("open", () => {
      this.#state = "greeting";
      this.#put(socket, JSON.stringify(this.#handlers.hello()));
      timers.push(setTimeout(() => this.#state === "greeting" && socket.terminate(), WELCOME_TIMEOUT_MS));
    });
    socket.on("message", (data: RawData, isBinary: boolean) => {
      heardAt = performance.now();
      this.#framesReceived++;
      if (isBinary) return this.#bad("binary");
      const parsed = parseFrame(data.toString());
      if (parsed.kind === "bad") return this.#bad("not a frame");
      if (parsed.kind === "bad_request") return this.#refuseRequest(parsed.requestId);
      const { frame } = parsed;
      if (frame.type === "pong") return;
      if (frame.type === "bye") {
        this.#takeBye(frame);
        // The hub's close frame ends the connection only after seconds; what it had to say it has said.
        return socket.terminate();
      }
      if (frame.type === "error")
        return this.#log.warn({ code: frame.code, error: frame.error }, "the hub refused a frame");
      if (frame.type === "welcome") {
        if (this.#state !== "greeting") return this.#bad("second welcome");
        if (frame.protocol < PROTOCOL_VERSION_MIN) {
          this.#log.error({ protocol: frame.protocol }, "the panel speaks a protocol too old for this agent");
          return socket.terminate();
        }
        upSince = performance.now();
        this.#state = "up";
        this.#log.info({ epoch: frame.epoch }, "connected to the panel");
        timers.push(setInterval(() => keepAlive(), PING_INTERVAL_MS));
        return this.#handlers.onUp(frame);
      }
      if (this.#state !== "up") return this.#bad("before welcome");
      this.#handlers.onFrame(frame);
    });
    socket.on("error", (error) => {
      if (!isRefused) this.#log.debug({ err: error }, "connection trouble");
    });
    socket.on("close", (code) => {
      for (const timer of timers) clearTimeout(timer);
      if (this.#socket !== socket) return;
      const wasUp = this.#state === "up";
      this.#socket = null;
      this.#state = isRefused ? "refused" : "down";
      if (wasUp) {
        this.#log.warn({ code }, "the connection to the panel is lost");
        this.#handlers.onDown();
        if (performance.now() - upSince > STEADY_AFTER_MS) this.#attempt = 0;
      }
      this.#scheduleRetry(isRefused);
    });
    const keepAlive = () => {
      if (performance.now() - heardAt > 2 * PING_INTERVAL_MS) return socket.terminate();
      this.#put(socket, PING_TEXT);
    };
  }

  #put(socket: WebSocket, frame: string): void {
    this.#framesSent++;
    socket.send(frame);
  }

  #scheduleRetry(isRefused: boolean): void {
    if (this.#isStopped) return;
    const refusedMs = REFUSED_RETRY_MS * (0.75 + Math.random() / 2);
    const waitMs = isRefused ? refusedMs : (this.#reconnectAfterMs ?? backoffMs(this.#attempt, RECONNECT));
    this.#attempt++;
    this.#retry = setTimeout(() => this.#connect(), waitMs);
  }

  #takeBye(bye: { code: number; reason: string; reconnectAfterMs: number }): void {
    this.#log.warn({ code: bye.code, reason: bye.reason }, "the hub says goodbye");
    const jitter = 1 + Math.random() / 4;
    this.#reconnectAfterMs = Math.min(Math.round(bye.reconnectAfterMs * jitter), 10 * REFUSED_RETRY_MS);
  }

  #refuseRequest(requestId: string): void {
    const error = "This agent does not know the operation, or its fields are wrong.";
    this.respond({ type: "response", requestId, ok: false, code: "VALIDATION", error });
  }

  #bad(what: string): void {
    if (++this.#badFrames <= BAD_FRAMES_LOGGED_MAX)
      this.#log.warn({ what, count: this.#badFrames }, "bad frame from the hub");
  }
}
