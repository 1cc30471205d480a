/** A disk limit from the API to the kernel and back. Needs root and loop devices. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { loopsOf } from "../agent/disk/mounts.ts";
import type { ResourceStats } from "../protocol/frames/shared.ts";
import { containerTemplate } from "./world/container-template.ts";
import { Panel } from "./world/panel.ts";
import { until } from "./world/until.ts";

const MB = 2 ** 20;
let panel: Panel;
beforeAll(async () => {
  panel = await Panel.start({ runtime: "nerdctl" });
});
afterAll(() => panel?.stop());

it("is told by the API, follows a change made there, and goes with its server", async () => {
  const templateId = await containerTemplate(panel, "echo", "catalyst-test/echo:1");
  const id = await panel.createServer({ templateId, allocatedDiskMb: 32 });
  await panel.startServer(id);
  const stats = () => panel.must<ResourceStats>("GET", `/api/servers/${id}/stats`);
  expect(await stats()).toMatchObject({ diskLimitKind: "hard", diskLimitBytes: 32 * MB, diskState: "ok" });

  await panel.must("PATCH", `/api/servers/${id}`, { allocatedDiskMb: 64 });
  await until("the new limit, or word of it", async () => {
    const { diskLimitBytes, diskNotice } = await stats();
    return diskLimitBytes === 64 * MB || /64 MiB, waits/.test(diskNotice ?? "");
  });
  await panel.must("POST", `/api/servers/${id}/stop`);
  await panel.waitForState(id, "stopped");
  await until("the larger limit", async () => (await stats()).diskLimitBytes === 64 * MB);

  await panel.must("PATCH", `/api/servers/${id}`, { allocatedDiskMb: 16 });
  await until("the smaller limit, with nothing left to wait for", async () => {
    const { diskLimitBytes, diskNotice } = await stats();
    return diskLimitBytes === 16 * MB && diskNotice === null;
  });
  await panel.startServer(id);

  const loops = () => loopsOf((image) => image.includes(`/servers/${id}/`) || image.includes("/trash/"));
  expect(await loops()).toHaveLength(1);
  await panel.must("DELETE", `/api/servers/${id}`);
  await until("the loop device to be gone", async () => (await loops()).length === 0, 30_000);
});
