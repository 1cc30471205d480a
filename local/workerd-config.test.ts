import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { projectRoot } from "./project-root.ts";
import { type EdgeConfigOptions, edgeConfig, parseAssetHeaders, parseWrangler, quote } from "./workerd-config.ts";

const toml = readFileSync(join(projectRoot, "wrangler.toml"), "utf8");

const configOf = (change: Partial<EdgeConfigOptions> = {}) =>
  edgeConfig({
    wrangler: parseWrangler(toml),
    files: {
      workerModule: "worker.mjs",
      assetsModule: "assets.mjs",
      assetsFolder: "/srv/web",
      storageFolder: "/data/hubs",
    },
    vars: {},
    fromEnvironment: [],
    isBehindProxy: false,
    assetHeaders: [],
    ...change,
  });

describe("edgeConfig", () => {
  it("gives every Durable Object of wrangler.toml a namespace with SQLite and its lasting key", () => {
    const config = configOf();
    for (const { name, class_name } of parseWrangler(toml).durable_objects.bindings) {
      expect(config).toContain(`(name = "${name}", durableObjectNamespace = "${class_name}")`);
      expect(config).toContain(`(className = "${class_name}", uniqueKey = "catalyst-${class_name}", enableSql = true)`);
    }
    expect(config).toContain(`(name = "hub-storage", disk = (path = "/data/hubs", writable = true))`);
  });

  it("lets local variables override those of wrangler.toml", () => {
    const config = configOf({ vars: { REGISTRATION: "open" } });
    expect(config).toContain(`(name = "REGISTRATION", text = "open")`);
    expect(config).not.toContain(`(name = "REGISTRATION", text = "closed")`);
  });

  it("believes a forwarded protocol only from a proxy that is there", () => {
    expect(configOf()).toContain("http = ()");
    expect(configOf({ isBehindProxy: true })).toContain(`http = (forwardedProtoHeader = "X-Forwarded-Proto")`);
  });

  it("names secrets without holding them", () => {
    expect(configOf({ fromEnvironment: ["JWT_KEYS"] })).toContain(`(name = "JWT_KEYS", fromEnvironment = "JWT_KEYS")`);
  });

  it("keeps hostile text inside its literal", () => {
    const config = configOf({ vars: { NASTY: '"), (name = "X", text = "y\n\\' } });
    expect(config).toContain(String.raw`text = "\"), (name = \"X\", text = \"y\x0a\\")`);
    expect(quote("\u0000\u007f")).toBe(String.raw`"\x00\x7f"`);
  });

  it("refuses a class that no migration makes", () => {
    const wrangler = { ...parseWrangler(toml), migrations: [] };
    expect(() => configOf({ wrangler })).toThrow("NodeHub");
  });
});

describe("parseWrangler", () => {
  it("refuses a setting that would be silently lost on one machine", () => {
    expect(() => parseWrangler(`${toml}\n[[r2_buckets]]\nbinding = "B"\n`)).toThrow("r2_buckets");
  });
});

describe("parseAssetHeaders", () => {
  it("reads paths with their headers", () => {
    const text =
      "# all\n/*\n  X-Frame-Options: DENY\n  Content-Security-Policy: default-src 'self'; img-src data:\n\n/a/*.js\n\tX-A: b\n";
    expect(parseAssetHeaders(text)).toEqual([
      {
        pattern: "/*",
        set: { "x-frame-options": "DENY", "content-security-policy": "default-src 'self'; img-src data:" },
      },
      { pattern: "/a/*.js", set: { "x-a": "b" } },
    ]);
  });

  it.each(["  X-A: b\n", "/a\nnonsense\n"])("refuses %j", (text) => {
    expect(() => parseAssetHeaders(text)).toThrow("_headers");
  });
});
