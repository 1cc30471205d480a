import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { ViewerIdentity } from "../../protocol/hub-rpc.ts";
import { BAD_FRAMES_MAX, HANDSHAKE_TIMEOUT_MS } from "../../protocol/limits.ts";
import { FakeSocket, FakeSockets } from "../testing/fake-sockets.ts";
import { type Person, World } from "../testing/world.ts";

let world: World;
let owner: Person;
let stranger: Person;
let serverId: string;
const sockets = new FakeSockets();
/** Sockets opened at the hub, oldest first. */
let hubSockets: FakeSocket[];

beforeAll(async () => {
  world = await World.create({}, sockets);
  owner = await world.person("owner");
  stranger = await world.person("stranger");
  await world.node();
  await world.template();
  serverId = await world.server(owner);
});
afterAll(() => world.close());

const hub = () => world.hubs.of("node-1");
beforeEach(() => {
  sockets.timers = [];
  hubSockets = [];
  hub().identities.length = 0;
  hub().requests.length = 0;
  hub().agentConnected = true;
  hub().answer = () => ({ ok: true, data: { state: "starting", alreadyUnderWay: false } });
  hub().connectWith = () => {
    const socket = new FakeSocket();
    hubSockets.push(socket);
    return sockets.upgrade(socket);
  };
});

const upgrade = (path: string, headers: Record<string, string> = {}) =>
  world.call("GET", path, { headers: { upgrade: "websocket", ...headers } });
const bearer = (person: Person) => ({ authorization: `Bearer ${person.token}` });
const cookie = (person: Person) => ({ cookie: `catalyst_session=${person.token}` });

async function open(headers: Record<string, string> = {}): Promise<FakeSocket> {
  await upgrade("/ws", headers);
  return sockets.accepted.at(-1)!;
}
const introduced = async (person: Person) => {
  const socket = await open();
  socket.receive({ type: "client_handshake", token: person.token });
  await world.until("introduced", () => socket.of("client_handshake_response").length > 0);
  return socket;
};
const subscribed = async (person = owner, from?: number) => {
  const socket = await introduced(person);
  socket.receive({ type: "subscribe", serverId, ...(from === undefined ? {} : { from }) });
  await world.until("subscribed at the hub", () => hubSockets.length > 0);
  return socket;
};

describe("the direct console", () => {
  it("is opened at the hub with what the caller may do, and nothing of the request's own headers", async () => {
    const answer = await upgrade(`/api/servers/${serverId}/console?from=42`, {
      ...bearer(owner),
      "x-catalyst-hub-identity": JSON.stringify({ role: "agent", nodeId: "node-1", specGeneration: 0 }),
    });
    expect(answer.headers.get("x-upgraded")).toBeNull();
    expect(hub().identities).toEqual([
      expect.objectContaining<Partial<ViewerIdentity>>({
        role: "viewer",
        serverId,
        userId: owner.id,
        credentialId: owner.sessionId,
        permissions: ["*"],
        from: 42,
        state: "stopped",
      }),
    ]);
  });

  it.each<[string, () => [string, Record<string, string>], number]>([
    ["nobody", () => [serverId, {}], 4401],
    ["a stranger", () => [serverId, bearer(stranger)], 4404],
    ["an id that cannot exist", () => ["NO%20SUCH", bearer(owner)], 4404],
    ["a cookie sent from another site", () => [serverId, { ...cookie(owner), origin: "https://evil.test" }], 4403],
    ["a cookie without an origin", () => [serverId, cookie(owner)], 4403],
  ])("answers %s with a reason and a close that a browser can read", async (_who, request, code) => {
    const [id, headers] = request();
    await upgrade(`/api/servers/${id}/console`, headers);
    const socket = sockets.accepted.at(-1)!;
    expect(socket.of("bye")[0]).toMatchObject({ code });
    expect(socket.closed?.code).toBe(code);
    expect(hub().identities).toEqual([]);
  });

  it("takes a cookie from its own origin", async () => {
    await upgrade(`/api/servers/${serverId}/console`, { ...cookie(owner), origin: "https://panel.test" });
    expect(hub().identities.length).toBe(1);
  });
});

describe("the general socket", () => {
  it("closes who does not introduce themselves in time", async () => {
    const socket = await open();
    sockets.elapse(HANDSHAKE_TIMEOUT_MS);
    expect(socket.closed?.code).toBe(4401);
  });

  it("closes a false token with 4401 and an answer that says so", async () => {
    const socket = await open();
    socket.receive({ type: "client_handshake", token: "cat_nonsense" });
    await world.until("closed", () => socket.closed !== null);
    expect(socket.of("client_handshake_response")[0]).toMatchObject({ success: false });
    expect(socket.closed?.code).toBe(4401);
  });

  it("is introduced by a cookie of its own origin, and keeps frames that came too early", async () => {
    const socket = await open({ ...cookie(owner), origin: "https://panel.test" });
    socket.receive({ type: "subscribe", serverId });
    await world.until("subscribed at the hub", () => hubSockets.length === 1);
    expect(socket.of("client_handshake_response")).toEqual([{ type: "client_handshake_response", success: true }]);
    expect(socket.of("error")).toEqual([]);
  });

  it("refuses a cookie that another site sent", async () => {
    const socket = await open({ ...cookie(owner), origin: "https://evil.test" });
    expect(socket.closed?.code).toBe(4403);
  });

  it("relays both ways, by the same identity as the direct console", async () => {
    const socket = await subscribed(owner, 7);
    expect(hub().identities[0]).toMatchObject({ role: "viewer", serverId, from: 7, permissions: ["*"] });
    const frame = {
      type: "console_output",
      serverId,
      stream: "stdout",
      data: "hi\n",
      offset: 7,
      bytes: 3,
      timestamp: 1,
    };
    hubSockets[0]!.receive(frame);
    expect(socket.of("console_output")).toEqual([frame]);
    socket.receive({ type: "console_input", serverId, data: "hello" });
    await world.until("the line is at the hub", () => hubSockets[0]!.of("console_input").length > 0);
    socket.receive({ type: "unsubscribe", serverId });
    await world.until("the hub socket is closed", () => hubSockets[0]!.closed !== null);
  });

  it("passes nothing on in which a node speaks of another server", async () => {
    const socket = await subscribed(owner, 0);
    const said = { type: "console_output", stream: "stdout", data: "hi\n", offset: 0, bytes: 3, timestamp: 1 };
    hubSockets[0]!.receive({ ...said, serverId: "another-server" });
    hubSockets[0]!.receive({ ...said, serverId });
    expect(socket.of("console_output")).toEqual([{ ...said, serverId }]);
  });

  it("acknowledges for a client that never does, and leaves it to one that does", async () => {
    const socket = await subscribed();
    const text = (offset: number) => ({
      type: "console_output",
      serverId,
      stream: "stdout",
      data: "x",
      offset,
      bytes: 1,
      timestamp: 1,
    });
    hubSockets[0]!.receive(text(0));
    expect(hubSockets[0]!.of("console_ack")).toEqual([{ type: "console_ack", serverId, offset: 1 }]);
    socket.receive({ type: "console_ack", serverId, offset: 1 });
    hubSockets[0]!.receive(text(1));
    expect(hubSockets[0]!.of("console_ack").length).toBe(2);
  });

  it("meets a hub that restarts again where the text ended, without a word to the client", async () => {
    const socket = await subscribed();
    hubSockets[0]!.receive({
      type: "console_output",
      serverId,
      stream: "stdout",
      data: "abc",
      offset: 10,
      bytes: 3,
      timestamp: 1,
    });
    hubSockets[0]!.receive({ type: "bye", code: 1012, reason: "restart", reconnectAfterMs: 10 });
    sockets.elapse(1_000);
    await world.until("opened again", () => hubSockets.length === 2);
    expect(hub().identities[1]).toMatchObject({ from: 13 });
    expect(socket.closed).toBeNull();
    expect(socket.of("bye")).toEqual([]);
  });

  it("ends with a subscription whose credential was revoked, and lives on when only the server is gone", async () => {
    const socket = await subscribed();
    hubSockets[0]!.receive({ type: "bye", code: 4404, reason: "the server was deleted", reconnectAfterMs: 0 });
    expect(socket.of("error")[0]).toMatchObject({ code: "NOT_FOUND" });
    expect(socket.closed).toBeNull();
    socket.receive({ type: "subscribe", serverId });
    await world.until("subscribed anew", () => hubSockets.length === 2);
    hubSockets[1]!.receive({ type: "bye", code: 4401, reason: "signed out", reconnectAfterMs: 0 });
    expect(socket.closed?.code).toBe(4401);
  });

  it("controls power through the same service as HTTP", async () => {
    const socket = await introduced(owner);
    socket.receive({ type: "server_control", serverId, action: "start", commandId: "c-1" });
    await world.until("answered", () => socket.of("command_result").length > 0);
    expect(socket.of("command_result")[0]).toEqual({ type: "command_result", commandId: "c-1", ok: true });
    const audit = await world.query("select details from audit_log where action = 'server.start' and server_id = $1", [
      serverId,
    ]);
    expect(audit.at(-1)).toEqual({ details: { commandId: "c-1" } });
    hub().agentConnected = false;
    socket.receive({ type: "server_control", serverId, action: "stop", commandId: "c-2" });
    await world.until("answered", () => socket.of("command_result").length > 1);
    expect(socket.of("command_result")[1]).toMatchObject({ commandId: "c-2", ok: false, code: "NODE_OFFLINE" });
  });

  it("takes console input for a server that is not watched, in order", async () => {
    const socket = await introduced(owner);
    for (const data of ["one", "two", "three"]) socket.receive({ type: "console_input", serverId, data });
    await world.until("typed", () => hub().requests.length === 3);
    expect(hub().requests.map(({ operation }) => (operation as { data: string }).data)).toEqual([
      "one",
      "two",
      "three",
    ]);
  });

  it("shows a stranger nothing", async () => {
    const socket = await introduced(stranger);
    socket.receive({ type: "subscribe", serverId });
    socket.receive({ type: "console_input", serverId, data: "hi" });
    socket.receive({ type: "server_control", serverId, action: "start", commandId: "c" });
    await world.until(
      "all answered",
      () => socket.of("error").length === 2 && socket.of("command_result").length === 1,
    );
    expect([...socket.of("error"), ...socket.of("command_result")].map((frame) => frame.code)).toEqual(
      Array(3).fill("NOT_FOUND"),
    );
    expect([hub().identities, hub().requests]).toEqual([[], []]);
  });

  it("looks again who is calling: a session that ended acts no more", async () => {
    const leaver = await world.person("leaver");
    const socket = await introduced(leaver);
    await world.query("update sessions set revoked_at = now() where id = $1", [leaver.sessionId]);
    socket.receive({ type: "server_control", serverId, action: "start" });
    await world.until("closed", () => socket.closed !== null);
    expect(socket.closed?.code).toBe(4401);
  });

  it("answers nonsense, and ends when there is too much of it", async () => {
    const nonsense = [
      "",
      "{",
      "[]",
      "null",
      '{"type":"hello"}',
      null,
      "x".repeat(70_000),
      '{"type":"subscribe","serverId":"../x"}',
    ];
    const socket = await introduced(owner);
    for (let index = 0; index < BAD_FRAMES_MAX; index++) socket.receive(nonsense[index % nonsense.length]);
    expect(socket.of("error").length).toBe(BAD_FRAMES_MAX);
    expect(socket.closed).toBeNull();
    socket.receive("{");
    expect(socket.closed?.code).toBe(4429);
  });

  it("answers a ping", async () => {
    const socket = await open();
    socket.receive({ type: "ping" });
    expect(socket.sent).toEqual([{ type: "pong" }]);
  });
});
