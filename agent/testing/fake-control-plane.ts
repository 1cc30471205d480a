/** Speaks the control plane's side of the protocol, so that an agent can be tested without a Worker. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { type WebSocket, WebSocketServer } from "ws";
import { type AgentReport, agentReportBodySchema } from "../../protocol/api/nodes.ts";
import { decodeConsoleEnvelope, isConsoleEnvelope } from "../../protocol/console-envelope.ts";
import { type AgentResponse, type AgentToHub, agentToHubSchema } from "../../protocol/frames/agent-to-hub.ts";
import type { AgentOperation, HubToAgent } from "../../protocol/frames/hub-to-agent.ts";
import type { ServerStateEvent } from "../../protocol/frames/shared.ts";
import { PING_TEXT, PONG_TEXT } from "../../protocol/limits.ts";
import type { PowerAction, ServerState } from "../../protocol/server-state.ts";
import type { NodeSpec, ServerSpec } from "../../protocol/spec.ts";
import { waitUntil } from "./wait-until.ts";

export const NODE_ID = "node-1";
const SECRET = "a-node-secret-for-tests";

export class FakeControlPlane {
  readonly #server: Server;
  readonly #sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false });
  #agent: WebSocket | null = null;
  #epoch = 0;
  #requests = 0;
  #commands = 0;
  readonly #waiting = new Map<string, (response: AgentResponse) => void>();
  readonly nodeId: string;
  spec: NodeSpec;
  /** Overrides what `/api/agent/spec` answers. */
  rawSpec: unknown = null;
  specRequests = 0;
  /** How long a spec takes to come. */
  specDelayMs = 0;
  token = "a-deployment-token-for-tests";
  secret = SECRET;
  ackedSeq = 0;
  isAcknowledging = true;
  isRefusing = false;
  /** Takes pings and answers none, as a network that vanished. */
  isMute = false;
  pings = 0;
  connections = 0;
  /** Connections asked for, refused ones too. */
  attempts = 0;
  /** Every event frame as it came, repetitions too. */
  readonly rawEvents: ServerStateEvent[] = [];
  /** What a hub would keep. */
  readonly events: ServerStateEvent[] = [];
  readonly frames: AgentToHub[] = [];
  readonly badFrames: string[] = [];
  readonly reports: AgentReport[] = [];
  downloads = 0;
  /** Answers a request for the agent's bundle. */
  serveBundle: (response: ServerResponse) => void = (response) => void response.writeHead(404).end();
  consoleText = "";

  private constructor(server: Server, nodeId: string) {
    this.#server = server;
    this.nodeId = nodeId;
    this.spec = { nodeId, generation: 0, servers: [] };
  }

  static async start(nodeId = NODE_ID): Promise<FakeControlPlane> {
    const server = createServer();
    const plane = new FakeControlPlane(server, nodeId);
    server.on("request", (request, response) => void plane.#http(request, response));
    server.on("upgrade", (request, socket, head) => {
      plane.attempts++;
      // An agent that is killed while it is refused resets the connection.
      socket.on("error", () => undefined);
      if (plane.isRefusing || !plane.#isAgent(request)) {
        socket.end(`HTTP/1.1 ${plane.isRefusing ? 503 : 401} No\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`);
        return;
      }
      plane.#sockets.handleUpgrade(request, socket, head, (ws) => plane.#accept(ws));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return plane;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  get isConnected(): boolean {
    return this.#agent !== null;
  }

  send(frame: HubToAgent): void {
    this.#agent?.send(JSON.stringify(frame));
  }

  sendRaw(text: string | Buffer): void {
    this.#agent?.send(text);
  }

  setServers(...servers: ServerSpec[]): void {
    this.spec = { ...this.spec, generation: this.spec.generation + 1, servers };
    this.send({ type: "spec_changed", generation: this.spec.generation });
  }

  /** Ends the agent's connection without a word. */
  drop(): void {
    this.#agent?.terminate();
  }

  /** From now on this connection is read from no more: what the agent sends stays in the kernel and with the agent. */
  stopReading(): void {
    this.#agent?.pause();
  }

  async request(operation: AgentOperation): Promise<AgentResponse> {
    const requestId = `q-${++this.#requests}`;
    const answer = new Promise<AgentResponse>((resolve) => this.#waiting.set(requestId, resolve));
    this.send({ type: "request", requestId, operation });
    const deadline = new Promise<never>((_, reject) =>
      setTimeout(() => reject(new Error(`no answer to ${operation.op}`)), 10_000).unref(),
    );
    return Promise.race([answer, deadline]);
  }

  power(serverId: string, action: PowerAction, commandId = `c-${++this.#commands}`): Promise<AgentResponse> {
    return this.request({ op: "power", serverId, action, commandId, issuedAt: Date.now() });
  }

  lastEvent(serverId: string): ServerStateEvent | undefined {
    return this.events.findLast((event) => event.serverId === serverId);
  }

  states(serverId: string): ServerState[] {
    return this.events.filter((event) => event.serverId === serverId).map((event) => event.state);
  }

  /** Resolves when the agent has tried to connect once more. */
  attempted(): Promise<true> {
    const before = this.attempts;
    return waitUntil("the agent to try", () => this.attempts > before);
  }

  connected(): Promise<true> {
    return waitUntil("the agent to connect", () => this.isConnected);
  }

  inState(serverId: string, state: ServerState, deadlineMs?: number): Promise<ServerStateEvent> {
    const look = () => {
      const event = this.lastEvent(serverId);
      return event?.state === state ? event : null;
    };
    return waitUntil(`${serverId} to be ${state}, it is ${this.lastEvent(serverId)?.state}`, look, deadlineMs);
  }

  /** Starts a server that is installed, or is being so; resolves when it runs. */
  async startServer(serverId: string, deadlineMs?: number): Promise<void> {
    await this.inState(serverId, "stopped", deadlineMs);
    const answer = await this.power(serverId, "start");
    if (!answer.ok) throw new Error(`${serverId} was not started: ${answer.error}`);
    await this.inState(serverId, "running", deadlineMs);
  }

  /** All of a server's console; empty when the agent has none to give. */
  async logText(serverId: string): Promise<string> {
    const answer = await this.request({ op: "logs", serverId, from: 0, limitBytes: 262_144 });
    return answer.ok ? (answer.data as { data: string }).data : "";
  }

  async close(): Promise<void> {
    this.#agent?.terminate();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #isAgent(request: IncomingMessage): boolean {
    const { authorization, "x-catalyst-node": nodeId } = request.headers;
    return authorization === `Bearer ${this.secret}` && nodeId === this.nodeId;
  }

  async #http(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = "";
    for await (const part of request) body += part;
    const reply = (status: number, value: unknown) => {
      response.writeHead(status, { "content-type": "application/json" });
      response.end(JSON.stringify(value));
    };
    const refuse = (status: number, code: string) =>
      reply(status, { success: false, error: "Refused by the test.", code, requestId: "r-1" });
    if (request.url === "/api/agent/enroll" && request.method === "POST") {
      const { token } = JSON.parse(body) as { token: string };
      if (token !== this.token) return refuse(400, "INVALID_TOKEN");
      this.token = "used";
      return reply(201, { success: true, data: { nodeId: this.nodeId, secret: this.secret, panelUrl: this.url } });
    }
    if (request.url === "/api/agent/spec" && request.method === "GET") {
      this.specRequests++;
      if (this.isRefusing) return refuse(503, "DATABASE_UNAVAILABLE");
      const spec = this.rawSpec ?? this.spec;
      await delay(this.specDelayMs);
      if (!this.#isAgent(request)) return refuse(401, "UNAUTHENTICATED");
      return reply(200, { success: true, data: spec });
    }
    if (request.url === "/agent/catalyst-agent.mjs" && request.method === "GET") {
      this.downloads++;
      return this.serveBundle(response);
    }
    if (request.url === "/api/agent/report" && request.method === "POST") {
      if (this.isRefusing) return refuse(503, "DATABASE_UNAVAILABLE");
      if (!this.#isAgent(request)) return refuse(401, "UNAUTHENTICATED");
      this.reports.push(agentReportBodySchema.parse(JSON.parse(body)));
      return reply(200, { success: true, data: null });
    }
    refuse(404, "NOT_FOUND");
  }

  #accept(socket: WebSocket): void {
    this.#agent?.terminate();
    this.#agent = null;
    this.connections++;
    socket.on("error", () => undefined);
    socket.on("close", () => {
      if (this.#agent === socket) this.#agent = null;
    });
    socket.on("message", (data) => {
      const text = data.toString();
      if (text === PING_TEXT) {
        this.pings++;
        if (!this.isMute) socket.send(PONG_TEXT);
        return;
      }
      if (isConsoleEnvelope(text)) return this.#takeConsole(text);
      const parsed = agentToHubSchema.safeParse(JSON.parse(text));
      if (!parsed.success) return void this.badFrames.push(text);
      this.frames.push(parsed.data);
      if (parsed.data.type === "hello") return this.#welcome(socket);
      if (parsed.data.type === "response") {
        this.#waiting.get(parsed.data.requestId)?.(parsed.data);
        this.#waiting.delete(parsed.data.requestId);
      }
      if (parsed.data.type === "server_state") this.#takeEvent(parsed.data);
    });
  }

  #welcome(socket: WebSocket): void {
    this.#agent = socket;
    const { generation } = this.spec;
    const { ackedSeq } = this;
    const epoch = ++this.#epoch;
    this.send({ type: "welcome", protocol: 1, epoch, specGeneration: generation, ackedSeq, serverTime: Date.now() });
  }

  #takeEvent(event: ServerStateEvent): void {
    this.rawEvents.push(event);
    if (event.seq > (this.events.at(-1)?.seq ?? 0)) this.events.push(event);
    if (!this.isAcknowledging) return;
    this.ackedSeq = Math.max(this.ackedSeq, event.seq);
    this.send({ type: "event_ack", seq: this.ackedSeq });
  }

  #takeConsole(text: string): void {
    const envelope = decodeConsoleEnvelope(text);
    if (!envelope) return void this.badFrames.push(text);
    this.consoleText += (JSON.parse(envelope.payload) as { data: string }).data;
  }
}
