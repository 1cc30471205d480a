import { evictDurableObject, reset } from "cloudflare:test";
import { afterEach, expect, it } from "vitest";
import { SERVER_ID, stateEvent, viewerIdentity } from "../testing/frames.ts";
import { hub, liveViewer, readyAgent } from "../testing/hub.ts";
import { connect } from "../testing/test-socket.ts";

afterEach(async () => {
  await reset();
});

const suspend = () => hub().revoke({ serverId: SERVER_ID, seesSuspended: false }, 4409, "the server was suspended");

it("a suspension ends the sockets of a server's users with a bye and 4409, and leaves staff's and its neighbours' be", async () => {
  const agent = await readyAgent();
  const owner = await liveViewer(agent);
  const staff = await liveViewer(agent, 0, { userId: "staff", seesSuspended: true });
  const neighbour = await connect(hub(), viewerIdentity({ serverId: "creative" }));
  expect(await suspend()).toBe(1);
  expect(await owner.take("bye")).toMatchObject({ code: 4409, reason: "the server was suspended" });
  expect(await owner.untilClosed()).toMatchObject({ code: 4409 });
  expect(await hub().status()).toMatchObject({ viewerCount: 2 });
  agent.send(stateEvent(1, { state: "suspended" }));
  await staff.until(() => staff.frames.some((frame) => frame.state === "suspended"), "the state");
  neighbour.send({ type: "console_input", serverId: "creative", data: "still here" });
  expect((await agent.take("request")).operation).toMatchObject({ data: "still here" });
});

it("a hub that slept still knows who is staff", async () => {
  const owner = await connect(hub(), viewerIdentity());
  const staff = await connect(hub(), viewerIdentity({ seesSuspended: true }));
  await evictDurableObject(hub(), { webSockets: "hibernate" });
  expect(await suspend()).toBe(1);
  expect(await owner.take("bye")).toMatchObject({ code: 4409 });
  staff.send({ type: "ping", why: "to be answered" });
  await staff.take("pong");
});

it("a user who came in while the suspension was being written down is sent back to the Worker when the node obeys", async () => {
  const agent = await readyAgent();
  await suspend();
  const late = await liveViewer(agent);
  agent.send(stateEvent(1, { state: "suspended" }));
  expect(await late.take("bye")).toMatchObject({ code: 1012 });
  expect(await hub().status()).toMatchObject({ viewerCount: 0 });
});
