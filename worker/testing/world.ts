import { randomBytes } from "node:crypto";
import { v7 as uuidv7 } from "uuid";
import { PRESET_ROLES } from "../../protocol/permissions.ts";
import { type NodeSpec, nodeSpecSchema } from "../../protocol/spec.ts";
import { type TemplateInput, templateSchema } from "../../protocol/template.ts";
import { createApp } from "../app.ts";
import { newSecret, secretHash } from "../auth/secret.ts";
import { signSession } from "../auth/token.ts";
import { createTestDatabase, type TestDatabase } from "../db/test-database.ts";
import type { Env } from "../env.ts";
import type { SocketPort } from "../ports/sockets.ts";
import { NODE_SECRET_PREFIX } from "../services/nodes/create.ts";
import { FakeHubs } from "./fake-hubs.ts";

export interface Answer<T = unknown> {
  status: number;
  headers: Headers;
  text: string;
  /** `data` of a success. */
  data: T;
  body: {
    success: boolean;
    data?: T;
    code?: string;
    error?: string;
    requestId?: string;
    details?: { path: string; message: string }[];
    page?: { nextCursor: string | null };
  };
}

export interface CallOptions {
  as?: Person | null;
  token?: string;
  body?: unknown;
  headers?: Record<string, string>;
}

export interface Person {
  id: string;
  email: string;
  username: string;
  sessionId: string;
  token: string;
}

export const ORIGIN = "https://panel.test";

const noSockets: SocketPort = {
  accept: () => {
    throw new Error("this test has no sockets");
  },
  fromUpgrade: () => null,
  later: () => () => {},
};

const assets = new Map<string, Response>();

/** A whole control plane on a database of its own, with hubs that record what is asked of them. */
export class World {
  readonly hubs = new FakeHubs();
  readonly clock = { offsetMs: 0, now: () => Date.now() + this.clock.offsetMs };
  readonly assets = assets;
  readonly env: Env;
  readonly app: ReturnType<typeof createApp>;
  readonly database: TestDatabase;

  static async create(env: Partial<Env> = {}, sockets: SocketPort = noSockets): Promise<World> {
    const world = new World(await createTestDatabase(), env, sockets);
    for (const [name, permissions] of Object.entries(PRESET_ROLES)) await world.role(name, [...permissions], true);
    return world;
  }

  private constructor(database: TestDatabase, env: Partial<Env>, sockets: SocketPort) {
    this.database = database;
    const secret = randomBytes(32).toString("base64url");
    this.env = {
      ...database.env,
      JWT_KEYS: JSON.stringify([{ kid: "test", secret }]),
      REGISTRATION: "open",
      CLIENT_IP_HEADER: "x-test-address",
      NODE_HUB: undefined as never,
      ASSETS: {
        fetch: async (input: RequestInfo | URL) => {
          const { pathname } = new URL(input instanceof Request ? input.url : String(input));
          return (
            this.assets.get(pathname)?.clone() ??
            new Response("<!doctype html>", { headers: { "content-type": "text/html" } })
          );
        },
      } as unknown as Fetcher,
      ...env,
    };
    this.app = createApp({ hubs: () => this.hubs, clock: this.clock, sockets });
  }

  close(): Promise<void> {
    return this.database.close();
  }

  /** One request. Nothing is awaited in the background but what the handler itself awaits. */
  async call<T = unknown>(method: string, path: string, options: CallOptions = {}): Promise<Answer<T>> {
    const token = options.token ?? options.as?.token;
    const headers = new Headers(options.headers);
    if (token && !headers.has("authorization")) headers.set("authorization", `Bearer ${token}`);
    const init: RequestInit = { method, headers };
    if (options.body !== undefined) {
      init.body = typeof options.body === "string" ? options.body : JSON.stringify(options.body);
      if (!headers.has("content-type")) headers.set("content-type", "application/json");
    }
    const response = await this.app.request(`${ORIGIN}${path}`, init, this.env);
    const text = await response.text();
    const isJson = response.headers.get("content-type")?.includes("json") ?? false;
    const body = isJson ? JSON.parse(text) : {};
    return { status: response.status, headers: response.headers, text, body, data: body.data };
  }

  /** Calls and insists on success. */
  async must<T = unknown>(method: string, path: string, options: CallOptions = {}): Promise<T> {
    const answer = await this.call<T>(method, path, options);
    if (answer.status >= 300) throw new Error(`${method} ${path} answered ${answer.status}: ${answer.text}`);
    return answer.data;
  }

  query<T extends Record<string, unknown>>(text: string, values?: unknown[]): Promise<T[]> {
    return this.database.query<T>(text, values);
  }

  async role(name: string, permissions: string[], isPreset = false): Promise<string> {
    const id = uuidv7();
    await this.query("insert into roles (id, name, permissions, is_preset) values ($1, $2, $3, $4)", [
      id,
      name,
      permissions,
      isPreset,
    ]);
    return id;
  }

  /** A signed-in user with roles by name. The password is unusable unless a hash is given. */
  async person(name: string, roles: string[] = ["User"], passwordHash = "!"): Promise<Person> {
    const id = uuidv7();
    const email = `${name}@example.com`;
    await this.query("insert into users (id, email, username, password_hash) values ($1, $2, $3, $4)", [
      id,
      email,
      name,
      passwordHash,
    ]);
    await this.query("insert into user_roles select $1, id from roles where name = any($2)", [id, roles]);
    const sessionId = uuidv7();
    const expiresAt = new Date(this.clock.now() + 3_600_000);
    await this.query("insert into sessions (id, user_id, expires_at) values ($1, $2, $3)", [sessionId, id, expiresAt]);
    const token = await signSession({ sessionId, userId: id }, this.env.JWT_KEYS, this.clock.now(), expiresAt);
    return { id, email, username: name, sessionId, token };
  }

  /** A user whose roles hold exactly these permissions. */
  async personWith(name: string, permissions: string[]): Promise<Person> {
    await this.role(`role of ${name}`, permissions);
    return await this.person(name, [`role of ${name}`]);
  }

  async location(id = "here"): Promise<string> {
    await this.query("insert into locations (id, name) values ($1, $1) on conflict do nothing", [id]);
    return id;
  }

  async node(id = "node-1", limits: { memoryMb?: number; cpuCores?: number; diskMb?: number } = {}): Promise<string> {
    const { memoryMb = 8192, cpuCores = 4, diskMb = 100_000 } = limits;
    await this.query(
      `insert into nodes (id, name, location_id, hostname, public_address, max_memory_mb, max_cpu_cores, max_disk_mb,
        cpu_overcommit) values ($1, $1, $2, 'node.test', '203.0.113.7', $3, $4, $5, 1)`,
      [id, await this.location(), memoryMb, cpuCores, diskMb],
    );
    return id;
  }

  /** A secret by which `spec` and other calls of the node's agent are let in. */
  async nodeSecret(nodeId = "node-1"): Promise<string> {
    const secret = newSecret(NODE_SECRET_PREFIX);
    await this.query("insert into node_credentials (id, node_id, secret_hash) values ($1, $2, $3)", [
      uuidv7(),
      nodeId,
      secretHash(secret),
    ]);
    return secret;
  }

  /** What the node's agent is told to run: as it was sent, with no default filled in, and one that an agent takes. */
  async spec(secret: string, nodeId = "node-1"): Promise<NodeSpec> {
    const headers = { "x-catalyst-node": nodeId };
    const sent = await this.must<NodeSpec>("GET", "/api/agent/spec", { token: secret, headers });
    nodeSpecSchema.parse(sent);
    return sent;
  }

  async template(id = "echo", changes: Partial<TemplateInput> = {}): Promise<string> {
    const definition = templateSchema.parse({ ...ECHO, id, name: id, ...changes });
    await this.query("insert into templates (id, name, definition) values ($1, $2, $3)", [
      id,
      definition.name,
      JSON.stringify(definition),
    ]);
    return id;
  }

  /** A server through the API, on a node with plenty of room. */
  async server(owner: Person, changes: Record<string, unknown> = {}): Promise<string> {
    const body = {
      name: "a server",
      templateId: "echo",
      nodeId: "node-1",
      allocatedMemoryMb: 128,
      allocatedCpuCores: 0.1,
      allocatedDiskMb: 128,
      ...changes,
    };
    return (await this.must<{ id: string }>("POST", "/api/servers", { as: owner, body })).id;
  }

  /** Waits until something holds, for what the Worker does after its answer. */
  async until(what: string, holds: () => boolean | Promise<boolean>, deadlineMs = 5_000): Promise<void> {
    const deadline = Date.now() + deadlineMs;
    while (!(await holds())) {
      if (Date.now() > deadline) throw new Error(`not within ${deadlineMs} ms: ${what}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
}

const ECHO = {
  image: "busybox:stable",
  images: [{ name: "other", image: "busybox:other" }],
  startup: "cat",
  variables: [
    { name: "GREETING", default: "hello", rules: ["required", "max:20"] },
    { name: "SECRET_SETTING", default: "quiet", userViewable: false, userEditable: false },
  ],
} satisfies Partial<TemplateInput>;
