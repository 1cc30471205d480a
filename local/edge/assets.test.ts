import { describe, expect, it } from "vitest";
import assets, { type AssetEnv, safePath } from "./assets.ts";
import { isWorkerFirst } from "./worker-first.ts";

const files: Record<string, string> = {
  "/index.html": "<h1>panel</h1>",
  "/assets/app-DEADbeef.js": "app()",
  "/agent/manifest.json": "{}",
  "/_headers": "secret rules",
};

const env: AssetEnv = {
  NOT_FOUND_HANDLING: "single-page-application",
  HEADER_RULES: [
    { pattern: "/*", set: { "x-frame-options": "DENY" } },
    { pattern: "/agent/*", set: { "cache-control": "no-store" } },
  ],
  FILES: {
    async fetch(url) {
      const path = decodeURIComponent(new URL(url).pathname);
      if (path === "/assets") return new Response("[]", { headers: { "content-type": "application/json" } });
      const text = files[path];
      return text === undefined ? new Response(null, { status: 404 }) : new Response(text);
    },
  },
};

const get = (path: string, headers: Record<string, string> = {}, method = "GET") =>
  assets.fetch(new Request(`http://panel${path}`, { method, headers }), env);

describe("assets", () => {
  it("serves a file with its type, and what never changes for ever", async () => {
    const response = await get("/assets/app-DEADbeef.js");
    expect(await response.text()).toBe("app()");
    expect(response.headers.get("content-type")).toBe("text/javascript; charset=utf-8");
    expect(response.headers.get("cache-control")).toContain("immutable");
    expect(response.headers.get("x-frame-options")).toBe("DENY");
  });

  it("serves the page for every path that is no file", async () => {
    for (const path of ["/", "/servers/abc", "/assets", "/_headers", "/.git/config", "/%2e%2e/secret"]) {
      const response = await get(path);
      expect(response.status, path).toBe(200);
      expect(await response.text(), path).toBe("<h1>panel</h1>");
      expect(response.headers.get("cache-control"), path).toContain("must-revalidate");
    }
  });

  it("answers 404 where only a file will do", async () => {
    expect((await get("/missing.js", { "x-catalyst-assets-only": "1" })).status).toBe(404);
  });

  it("answers 304 to who has it, and no body to HEAD", async () => {
    const etag = (await get("/")).headers.get("etag")!;
    const response = await get("/", { "if-none-match": etag });
    expect([response.status, await response.text()]).toEqual([304, ""]);
    expect(await (await get("/", {}, "HEAD")).text()).toBe("");
  });

  it("applies the rule that comes last", async () => {
    expect((await get("/agent/manifest.json")).headers.get("cache-control")).toBe("no-store");
  });

  it("changes nothing", async () => {
    expect((await get("/", {}, "PUT")).status).toBe(405);
  });
});

describe("safePath", () => {
  it.each(["/../x", "/a/..%2fx", "/a/.hidden", "/a//b", "/%", "/a\\b", "/a%00b"])("refuses %j", (path) => {
    expect(safePath(path)).toBeNull();
  });
});

describe("isWorkerFirst", () => {
  it("knows paths and prefixes", () => {
    const patterns = ["/api/*", "/ws"];
    expect(["/api/x", "/ws", "/wsx", "/apix", "/"].map((path) => isWorkerFirst(path, patterns))).toEqual([
      true,
      true,
      false,
      false,
      false,
    ]);
  });
});
