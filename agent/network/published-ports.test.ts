import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { createLog } from "../log.ts";
import { PublishedPorts } from "./published-ports.ts";

let folder: string;
let published: PublishedPorts;
let port: number;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "catalyst-ports-"));
  published = new PublishedPorts(folder, createLog("silent"));
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  ({ port } = server.address() as { port: number });
  await once(server.close(), "close");
});
afterEach(async () => {
  await published.close();
  rmSync(folder, { recursive: true, force: true });
});

const ADDRESSES = { ipv4: "10.208.1.2", ipv6: "fd00::2" };
const run = (serverId: string, runId: string) => ({ serverId, runId, network: "own" });
const ports = () => [{ ip: "127.0.0.1", port, isPrimary: true }];

it("a run's ports are open until that run ends, and another's end does not shut them", async () => {
  await published.open(run("a", "run-1"), ADDRESSES, ports());
  await expect(published.open(run("b", "run-2"), ADDRESSES, ports())).rejects.toThrow(`Port ${port} is already in use`);
  expect(await published.shut("a", "run-0")).toBe(false);
  expect(published.of("a")).toMatchObject({ isOpen: true, ports: [{ ip: "127.0.0.1", port }] });
  expect(await published.shut("a", "run-1")).toBe(true);
  expect(await published.shut("a", "run-1")).toBe(false);
  await published.open(run("b", "run-2"), ADDRESSES, ports());
});

it("the next run of a server takes over from the one before", async () => {
  await published.open(run("a", "run-1"), ADDRESSES, ports());
  await published.open(run("a", "run-2"), ADDRESSES, ports());
  expect(await published.shut("a", "run-1")).toBe(false);
  expect(published.of("a")?.isOpen).toBe(true);
});

it("an agent that comes back knows them and holds them, also where the one before died in the middle of writing", async () => {
  await published.open(run("a", "run-1"), ADDRESSES, ports());
  await published.open(run("b", "run-2"), { ...ADDRESSES, ipv4: "10.208.1.3" }, []);
  await published.close();
  writeFileSync(join(folder, "b.json"), '{"serverId":"b","ru');
  const next = new PublishedPorts(folder, createLog("silent"));
  await next.load();
  expect(next.all).toMatchObject([{ serverId: "a", ...ADDRESSES, isOpen: true }]);
  await next.holdAgain();
  await next.holdAgain();
  await expect(published.open(run("c", "run-3"), ADDRESSES, ports())).rejects.toThrow("in use");
  await next.close();
  await published.open(run("c", "run-3"), ADDRESSES, ports());
});

it("what another program took meanwhile is no reason to give up the others", async () => {
  await published.open(run("a", "run-1"), ADDRESSES, ports());
  await published.close();
  published = new PublishedPorts(folder, createLog("silent"));
  await published.load();
  const other = createServer().listen(port, "127.0.0.1");
  await once(other, "listening");
  await published.holdAgain();
  expect(published.of("a")?.isOpen).toBe(true);
  await once(other.close(), "close");
  await published.holdAgain();
  await expect(published.open(run("c", "run-3"), ADDRESSES, ports())).rejects.toThrow("in use");
});

it("a server's last address is its own until it is gone", async () => {
  await published.open(run("a", "run-1"), ADDRESSES, []);
  await published.shut("a", "run-1");
  expect(published.addressesIn("own", "b")).toEqual(new Set(["10.208.1.2"]));
  expect(published.addressesIn("own", "a").size).toBe(0);
  expect(published.addressesIn("another", "b").size).toBe(0);
  await published.forget("a");
  expect(published.addressesIn("own", "b").size).toBe(0);
  expect(readdirSync(folder)).toEqual([]);
});
