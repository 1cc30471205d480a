import { consoleLineSchema } from "../../protocol/api/servers.ts";
import { CLOSE, type CloseCode } from "../../protocol/close-codes.ts";
import { type ClientToHub, clientToHubSchema } from "../../protocol/frames/client-to-hub.ts";
import { BAD_FRAMES_MAX, CLIENT_FRAME_MAX_BYTES, HANDSHAKE_TIMEOUT_MS, PONG_TEXT } from "../../protocol/limits.ts";
import { loadCaller } from "../auth/caller.ts";
import { type Credential, readToken } from "../auth/credential.ts";
import type { CallerContext, RequestContext } from "../context.ts";
import { Refusal } from "../errors.ts";
import { logFault } from "../log.ts";
import { isFault, refusalOf } from "../middleware/answer-errors.ts";
import type { Socket, SocketPort } from "../ports/sockets.ts";
import { accessServer } from "../services/servers/access.ts";
import { sendCommand } from "../services/servers/console.ts";
import { setPower } from "../services/servers/power.ts";
import { closeCodeOf, sayBye } from "./refuse.ts";
import { Subscription } from "./subscription.ts";

const SUBSCRIPTIONS_MAX = 100;
/** A request to the runtime may only make so many requests itself; well before that the client is asked to come anew. */
const OPERATIONS_MAX = 2_000;
/** Frames that wait for an answer of the database or of a node. */
const PENDING_MAX = 100;
const TIMER_MAX_MS = 2 ** 31 - 1;

type Frame<T extends ClientToHub["type"]> = Extract<ClientToHub, { type: T }>;

/**
 * The general socket: one client, any number of servers, each by a hub socket of its own, opened by the same function
 * as the direct console. Frames are relayed as they are; power goes through the service that HTTP uses.
 *
 * The caller is looked up again for everything that acts, so a right that ended is not used once more.
 */
export class GeneralSocket {
  readonly #ctx: RequestContext;
  readonly #ports: SocketPort;
  readonly #socket: Socket;
  readonly #subscriptions = new Map<string, Subscription>();
  /** Per server, the frames that must keep their order. */
  readonly #chains = new Map<string, Promise<void>>();
  #credential: Credential | null = null;
  #introduction: Promise<void> | null = null;
  #callOffTimer: () => void;
  #badFrames = 0;
  #operations = 0;
  #pending = 0;
  #isClosed = false;

  constructor(ctx: RequestContext, ports: SocketPort, socket: Socket) {
    this.#ctx = ctx;
    this.#ports = ports;
    this.#socket = socket;
    this.#callOffTimer = ports.later(HANDSHAKE_TIMEOUT_MS, () =>
      this.#end(CLOSE.NOT_AUTHENTICATED, "no client_handshake in time"),
    );
    socket.onMessage((text) => this.#receive(text));
    socket.onClose(() => this.#release());
  }

  /** Introduces the client by a credential. Frames that come meanwhile wait for the outcome. */
  async introduce(reading: Credential | Promise<Credential>): Promise<void> {
    const introduction = this.#introduceBy(reading);
    this.#introduction = introduction;
    await introduction;
    if (this.#introduction === introduction) this.#introduction = null;
  }

  async #introduceBy(reading: Credential | Promise<Credential>): Promise<void> {
    try {
      const credential = await reading;
      const caller = await this.#load(credential);
      if (this.#isClosed) return;
      this.#credential = credential;
      this.#callOffTimer();
      const endsInMs = caller.credential.expiresAt - this.#ctx.clock.now();
      this.#callOffTimer =
        endsInMs < TIMER_MAX_MS
          ? this.#ports.later(endsInMs, () => this.#end(CLOSE.NOT_AUTHENTICATED, "your sign-in has expired"))
          : () => {};
      this.#send({ type: "client_handshake_response", success: true });
    } catch (error) {
      this.#refuseIntroduction(error);
    }
  }

  async #load(credential: Credential) {
    const { db, clock, clientAddress } = this.#ctx;
    return await loadCaller(db, credential, clock.now(), clientAddress);
  }

  #refuseIntroduction(error: unknown): void {
    const refusal = this.#explain(error);
    this.#send({ type: "client_handshake_response", success: false, error: refusal.message });
    this.#end(closeCodeOf(refusal.code), refusal.message);
  }

  #receive(text: string | null): void {
    const frame = this.#parse(text);
    if (!frame) return;
    if (frame.type === "ping") this.#socket.send(PONG_TEXT);
    else if (frame.type !== "console_ack" && ++this.#operations > OPERATIONS_MAX) {
      this.#end(CLOSE.RESTART, "connect again to go on");
    } else if (this.#introduction && frame.type !== "client_handshake") {
      this.#run(async () => {
        await this.#introduction;
        this.#dispatch(frame, text!);
      });
    } else this.#dispatch(frame, text!);
  }

  #dispatch(frame: ClientToHub, text: string): void {
    if (this.#isClosed) return;
    if (frame.type !== "client_handshake" && !this.#credential) {
      this.#refuse(new Refusal("UNAUTHENTICATED", "Introduce yourself first."));
      return;
    }
    switch (frame.type) {
      case "client_handshake":
        this.#run(() => this.#handshake(frame));
        break;
      case "server_control":
        this.#run(() => this.#control(frame), frame.commandId);
        break;
      case "subscribe":
        this.#inOrder(frame.serverId, () => this.#subscribe(frame));
        break;
      case "unsubscribe":
        this.#inOrder(frame.serverId, async () => this.#unsubscribe(frame.serverId));
        break;
      case "console_ack":
        this.#subscriptions.get(frame.serverId)?.acknowledge(frame.offset, text);
        break;
      case "console_input":
        this.#inOrder(frame.serverId, () => this.#input(frame, text));
        break;
    }
  }

  #parse(text: string | null): ClientToHub | null {
    if (
      text !== null &&
      (text.length > CLIENT_FRAME_MAX_BYTES || new TextEncoder().encode(text).length > CLIENT_FRAME_MAX_BYTES)
    ) {
      this.#refuse(new Refusal("BODY_TOO_LARGE", "This frame is larger than 64 KiB."));
      return null;
    }
    try {
      const parsed = clientToHubSchema.safeParse(JSON.parse(text ?? ""));
      if (parsed.success) return parsed.data;
    } catch {
      // Not JSON: refused below.
    }
    this.#refuse(new Refusal("VALIDATION", "This frame is not one that this socket takes."));
    return null;
  }

  async #handshake({ token }: Frame<"client_handshake">): Promise<void> {
    for (const serverId of [...this.#subscriptions.keys()]) this.#unsubscribe(serverId);
    await this.introduce(readToken(token, this.#ctx.env.JWT_KEYS, this.#ctx.clock.now()));
  }

  /** The caller as the database knows them now. A credential that ended ends the socket. */
  async #caller(): Promise<CallerContext> {
    try {
      return { ...this.#ctx, caller: await this.#load(this.#credential!) };
    } catch (error) {
      const { code, message } = refusalOf(error);
      if (closeCodeOf(code) === CLOSE.NOT_AUTHENTICATED) this.#end(CLOSE.NOT_AUTHENTICATED, message);
      throw error;
    }
  }

  async #control({ serverId, action, commandId }: Frame<"server_control">): Promise<void> {
    const ctx = await accessServer(await this.#caller(), serverId, `server.${action}`);
    const result = await setPower(ctx, action, commandId);
    this.#send({ type: "command_result", commandId: result.commandId, ok: true });
  }

  async #input({ serverId, data }: Frame<"console_input">, text: string): Promise<void> {
    const subscription = this.#subscriptions.get(serverId);
    if (subscription) return subscription.relay(text);
    const line = consoleLineSchema.safeParse(data);
    if (!line.success) throw new Refusal("VALIDATION", `data: ${line.error.issues[0]?.message}`);
    await sendCommand(await accessServer(await this.#caller(), serverId, "console.write"), line.data);
  }

  async #subscribe({ serverId, from }: Frame<"subscribe">): Promise<void> {
    if (this.#subscriptions.size >= SUBSCRIPTIONS_MAX && !this.#subscriptions.has(serverId)) {
      throw new Refusal("QUOTA_EXCEEDED", `One socket watches at most ${SUBSCRIPTIONS_MAX} servers.`);
    }
    this.#unsubscribe(serverId);
    const subscription = new Subscription(serverId, {
      caller: () => this.#caller(),
      ports: this.#ports,
      toClient: (text) => this.#isClosed || this.#socket.send(text),
      ended: (code, reason) => this.#subscriptionEnded(subscription, code, reason),
    });
    this.#subscriptions.set(serverId, subscription);
    try {
      await subscription.open(from ?? null);
    } catch (error) {
      if (this.#subscriptions.get(serverId) === subscription) this.#subscriptions.delete(serverId);
      throw error;
    }
  }

  #unsubscribe(serverId: string): void {
    this.#subscriptions.get(serverId)?.close();
    this.#subscriptions.delete(serverId);
  }

  #subscriptionEnded(subscription: Subscription, code: CloseCode, reason: string): void {
    if (this.#subscriptions.get(subscription.serverId) !== subscription) return;
    this.#subscriptions.delete(subscription.serverId);
    if (code === CLOSE.NOT_AUTHENTICATED) this.#end(code, reason);
    else
      this.#send({
        type: "error",
        code: ERROR_OF_END[code] ?? "INTERNAL",
        error: `${subscription.serverId}: ${reason}`,
      });
  }

  /** Runs something that takes time; a failure is told to the client. */
  #run(work: () => Promise<void>, commandId?: string): void {
    void this.#attempt(work, commandId);
  }

  async #attempt(work: () => Promise<void>, commandId?: string): Promise<void> {
    if (this.#pending >= PENDING_MAX) return this.#refuse(new Refusal("RATE_LIMITED", "Too much at once. Slow down."));
    this.#pending++;
    try {
      await work();
    } catch (error) {
      const { code, message } = this.#explain(error);
      if (commandId === undefined) this.#send({ type: "error", code, error: message });
      else this.#send({ type: "command_result", commandId, ok: false, code, error: message });
    } finally {
      this.#pending--;
    }
  }

  #inOrder(serverId: string, work: () => Promise<void>): void {
    const before = this.#chains.get(serverId) ?? Promise.resolve();
    const done = before.then(() => this.#attempt(work));
    this.#chains.set(serverId, done);
    void done.then(() => {
      if (this.#chains.get(serverId) === done) this.#chains.delete(serverId);
    });
  }

  #explain(error: unknown): Refusal {
    const refusal = refusalOf(error);
    if (isFault(refusal)) logFault("socket operation failed", this.#ctx.requestId, error);
    return refusal;
  }

  /** Answers a frame that should not have been sent; too many of them end the socket. */
  #refuse({ code, message }: Refusal): void {
    this.#send({ type: "error", code, error: message });
    if (++this.#badFrames > BAD_FRAMES_MAX) this.#end(CLOSE.TOO_MANY, "too many refused frames");
  }

  #send(frame: Record<string, unknown>): void {
    if (!this.#isClosed) this.#socket.send(JSON.stringify(frame));
  }

  #end(code: CloseCode, reason: string): void {
    if (this.#isClosed) return;
    sayBye(this.#socket, code, reason);
    this.#release();
  }

  #release(): void {
    this.#isClosed = true;
    this.#callOffTimer();
    for (const subscription of this.#subscriptions.values()) subscription.close();
    this.#subscriptions.clear();
  }
}

const ERROR_OF_END: Partial<Record<CloseCode, string>> = {
  [CLOSE.FORBIDDEN]: "PERMISSION_DENIED",
  [CLOSE.NO_SUCH_SERVER]: "NOT_FOUND",
  [CLOSE.SUSPENDED]: "SERVER_SUSPENDED",
  [CLOSE.TOO_SLOW]: "RATE_LIMITED",
  [CLOSE.TOO_MANY]: "RATE_LIMITED",
};
