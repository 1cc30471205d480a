import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { waitUntil } from "../agent/testing/wait-until.ts";
import { callDaily, DAY_MS, dueInMs } from "./daily.ts";
import { isDailyCall } from "./edge/daily-call.ts";

describe("the daily call", () => {
  let folder: string;
  let server: Server;
  let calls: string[];
  let end: (() => Promise<void>) | null;
  let status: number;
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "catalyst-daily-"));
    calls = [];
    status = 200;
    end = null;
    server = createServer((request, response) => {
      calls.push(`${request.method} ${request.url} ${request.headers.authorization}`);
      response.writeHead(status).end("{}");
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  });
  afterEach(async () => {
    await end?.();
    await new Promise((resolve) => server.close(resolve));
    rmSync(folder, { recursive: true });
  });

  const stateFile = () => join(folder, "swept-at");
  const url = () => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const begin = () => {
    end = callDaily({ url: url(), token: "secret", stateFile: stateFile(), log: () => {} });
  };

  it("is due a day after the last, at once when that is longer ago, and never later than in a day", () => {
    expect(dueInMs(1_000, 1_000)).toBe(DAY_MS);
    expect(dueInMs(1_000, 1_000 + DAY_MS - 5)).toBe(5);
    expect(dueInMs(1_000, 1_000 + 9 * DAY_MS)).toBe(0);
    expect(dueInMs(1_000 + 40 * DAY_MS, 1_000)).toBe(DAY_MS);
  });

  it("is made at the start when the last is long ago, and its time is kept", async () => {
    writeFileSync(stateFile(), "2020-01-01T00:00:00.000Z\n");
    begin();
    await waitUntil("the time to be kept", () => !readFileSync(stateFile(), "utf8").startsWith("2020"));
    expect(calls).toEqual(["POST /_local/daily Bearer secret"]);
  });

  it("is not made at a first start, nor again within the day", async () => {
    for (const _start of ["first", "second"]) {
      begin();
      // Behind this one a call that was due would have come.
      await new Promise((resolve) => setTimeout(resolve, 0));
      await fetch(`${url()}/probe`);
      await end!();
    }
    expect(calls).toEqual(["GET /probe undefined", "GET /probe undefined"]);
    expect(Date.parse(readFileSync(stateFile(), "utf8").trim())).toBeGreaterThan(Date.now() - 60_000);
  });

  it("that fails is not taken for done", async () => {
    status = 503;
    writeFileSync(stateFile(), "2020-01-01T00:00:00.000Z\n");
    begin();
    await waitUntil("the call", () => calls.length === 1);
    await end!();
    expect(readFileSync(stateFile(), "utf8")).toContain("2020");
  });
});

describe("the edge", () => {
  const request = (authorization?: string, method = "POST") =>
    new Request("http://edge/_local/daily", { method, headers: authorization ? { authorization } : {} });

  it("knows the daily call by its token, and no other", () => {
    expect(isDailyCall(request("Bearer secret"), "secret")).toBe(true);
    expect(isDailyCall(request("Bearer secret", "GET"), "secret")).toBe(false);
    expect(isDailyCall(request("Bearer secreT"), "secret")).toBe(false);
    expect(isDailyCall(request(), "secret")).toBe(false);
    expect(isDailyCall(request("Bearer "), "")).toBe(false);
    expect(isDailyCall(request("Bearer undefined"), undefined)).toBe(false);
  });
});
