/** An image registry on loopback: the part of the distribution API that a pull uses, with a brake and a password. */
import { execFileSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

const MANIFEST = "application/vnd.oci.image.manifest.v1+json";
const CONFIG = "application/vnd.oci.image.config.v1+json";
const LAYER = "application/vnd.oci.image.layer.v1.tar";
const SLICES_PER_SECOND = 20;

interface Blob {
  mediaType: string;
  digest: string;
  size: number;
  content: Buffer;
}

const blob = (mediaType: string, content: Buffer): Blob => ({
  mediaType,
  digest: `sha256:${createHash("sha256").update(content).digest("hex")}`,
  size: content.length,
  content,
});
const descriptor = ({ mediaType, digest, size }: Blob) => ({ mediaType, digest, size });

/** A file system with a shell, and a file that says which version it is. */
function shellLayer(version: string): Buffer {
  const root = mkdtempSync(join(tmpdir(), "catalyst-layer-"));
  try {
    for (const folder of ["bin", "data", "tmp", "etc", "run", "proc", "sys", "dev"]) mkdirSync(join(root, folder));
    cpSync(execFileSync("sh", ["-c", "command -v busybox"], { encoding: "utf8" }).trim(), join(root, "bin/busybox"));
    for (const applet of ["sh", "cat", "sleep"]) symlinkSync("busybox", join(root, "bin", applet));
    writeFileSync(join(root, "etc/version"), version);
    return execFileSync("tar", ["-C", root, "-cf", "-", "."], { maxBuffer: 64 * 2 ** 20 });
  } finally {
    rmSync(root, { recursive: true });
  }
}

function ballastLayer(bytes: number): Buffer {
  const root = mkdtempSync(join(tmpdir(), "catalyst-layer-"));
  try {
    writeFileSync(join(root, `ballast-${randomBytes(4).toString("hex")}`), randomBytes(bytes));
    return execFileSync("tar", ["-C", root, "-cf", "-", "."], { maxBuffer: 2 * bytes + 2 ** 20 });
  } finally {
    rmSync(root, { recursive: true });
  }
}

export class TestRegistry {
  readonly #server: Server;
  readonly #blobs = new Map<string, Blob>();
  /** By `name:tag`. */
  readonly #tags = new Map<string, Blob>();
  #authorization: string | null = null;
  /** Of layers; 0 sends them, and the rest of those that are on their way, at once. */
  bytesPerSecond = 0;
  /** Layers are begun and never finished. */
  isStuck = false;
  /** Requests for layers, as they came. */
  readonly layerRequests: string[] = [];
  refusedCount = 0;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(): Promise<TestRegistry> {
    const server = createServer();
    const registry = new TestRegistry(server);
    server.on("request", (request, response) => void registry.#answer(request, response));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return registry;
  }

  get host(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** From now on nobody pulls without these. */
  demand(username: string, password: string): void {
    this.#authorization = `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
  }

  /** Puts an image there, or another one in its place; returns its whole name. */
  publish(name: string, version = "1", ballastBytes = 0): string {
    const layers = [blob(LAYER, shellLayer(version))];
    if (ballastBytes > 0) layers.push(blob(LAYER, ballastLayer(ballastBytes)));
    const config = blob(
      CONFIG,
      Buffer.from(
        JSON.stringify({
          architecture: process.arch === "arm64" ? "arm64" : "amd64",
          os: "linux",
          config: { Env: ["PATH=/bin"], Cmd: ["/bin/sh"] },
          rootfs: { type: "layers", diff_ids: layers.map(({ digest }) => digest) },
        }),
      ),
    );
    const manifest = {
      schemaVersion: 2,
      mediaType: MANIFEST,
      config: descriptor(config),
      layers: layers.map(descriptor),
    };
    const whole = blob(MANIFEST, Buffer.from(JSON.stringify(manifest)));
    for (const each of [...layers, config, whole]) this.#blobs.set(each.digest, each);
    this.#tags.set(name, whole);
    return `${this.host}/${name}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.on("error", () => undefined);
    if (this.#authorization !== null && request.headers.authorization !== this.#authorization) {
      this.refusedCount++;
      response.writeHead(401, { "www-authenticate": 'Basic realm="test"', "content-type": "application/json" });
      response.end('{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}');
      return;
    }
    const path = new URL(request.url ?? "/", "http://localhost").pathname;
    if (path === "/v2/") return void response.writeHead(200).end();
    const [, name, , reference = ""] = /^\/v2\/(.+)\/(manifests|blobs)\/([^/]+)$/.exec(path) ?? [];
    const found = this.#blobs.get(reference) ?? this.#tags.get(`${name}:${reference}`);
    if (!found) {
      response.writeHead(404, { "content-type": "application/json" });
      response.end('{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}');
      return;
    }
    response.writeHead(200, {
      "content-type": found.mediaType,
      "content-length": found.size,
      "docker-content-digest": found.digest,
    });
    if (request.method === "HEAD") return void response.end();
    if (found.mediaType !== LAYER) return void response.end(found.content);
    this.layerRequests.push(found.digest);
    await this.#sendLayer(found.content, response);
  }

  async #sendLayer(content: Buffer, response: ServerResponse): Promise<void> {
    if (this.isStuck) return void response.write(content.subarray(0, 100));
    let at = 0;
    while (this.bytesPerSecond > 0 && at < content.length && !response.destroyed) {
      const slice = Math.ceil(this.bytesPerSecond / SLICES_PER_SECOND);
      response.write(content.subarray(at, at + slice));
      at += slice;
      await delay(1000 / SLICES_PER_SECOND);
    }
    response.end(content.subarray(at));
  }
}
