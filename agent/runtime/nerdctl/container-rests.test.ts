import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { waitUntil } from "../../testing/wait-until.ts";
import { ContainerRests, restsOf } from "./container-rests.ts";

const ID = "a".repeat(64);
const OTHER = "b".repeat(64);
let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "catalyst-rests-"));
  for (const id of [ID, OTHER]) {
    const { folder, backup } = restsOf({ root, address: "a0c80629", namespace: "games" }, id);
    for (const path of [folder, join(root, "filesystem-ops")]) mkdirSync(path, { recursive: true });
    writeFileSync(join(folder, "lifecycle.json"), "{}");
    writeFileSync(backup, "");
  }
});
afterEach(() => rmSync(root, { recursive: true }));

const labelled = (id: string) => ({ "nerdctl/state-dir": join(root, "a0c80629/containers/games", id) });
const folders = () => readdirSync(join(root, "a0c80629/containers/games"));

it("has nerdctl's name for the copy of a hosts file", () => {
  const place = { root: "/var/lib/catalyst-test-containerd/nerdctl", address: "a0c80629", namespace: "catalyst" };
  const id = "8152753eb09d0fe04b65a1bf4d8cbbfb4ba78679b9055a249209774d9abf32cd";
  expect(restsOf(place, id).backup).toBe(`${place.root}/filesystem-ops/cec316ac-hosts-4f8a2cc3-backup`);
});

it("removes those of the container that is gone, and no other's", async () => {
  const rests = new ContainerRests();
  rests.learn(ID, labelled(ID));
  await rests.remove(ID);
  await rests.remove("../games");
  expect(folders()).toEqual([OTHER]);
  expect(readdirSync(join(root, "filesystem-ops"))).toHaveLength(1);
});

it("removes what nerdctl writes behind the removal", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout"] });
  try {
    const rests = new ContainerRests();
    rests.learn(ID, labelled(ID));
    await rests.remove(ID);
    mkdirSync(join(root, "a0c80629/containers/games", ID));
    vi.runAllTimers();
  } finally {
    vi.useRealTimers();
  }
  await waitUntil("the folder to be gone", () => folders().join() === OTHER);
});

it("believes no label that does not name the container's own folder, and removes nothing before it knows", async () => {
  const rests = new ContainerRests();
  for (const path of [join(root, "x", ID), `/etc/${ID}`, labelled(OTHER)["nerdctl/state-dir"], ""]) {
    rests.learn(ID, { "nerdctl/state-dir": path });
  }
  await rests.remove(ID);
  expect(folders()).toEqual([ID, OTHER]);
  expect(existsSync("/etc")).toBe(true);
});
