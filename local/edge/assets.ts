/**
 * Serves the files of a folder as the cloud's asset service does: content types, ETags, cache headers, `_headers`, and
 * the single page for whatever is not a file.
 */
import { ASSETS_ONLY_HEADER } from "./headers.ts";

export interface AssetEnv {
  /** workerd's disk service: raw bytes, no types. */
  FILES: { fetch(url: string, init?: { method?: string }): Promise<Response> };
  NOT_FOUND_HANDLING: "single-page-application" | "none";
  HEADER_RULES: { pattern: string; set: Record<string, string> }[];
}

const CONTENT_TYPES: Record<string, string> = {
  css: "text/css; charset=utf-8",
  html: "text/html; charset=utf-8",
  ico: "image/x-icon",
  jpg: "image/jpeg",
  js: "text/javascript; charset=utf-8",
  json: "application/json",
  map: "application/json",
  mjs: "text/javascript; charset=utf-8",
  png: "image/png",
  svg: "image/svg+xml",
  txt: "text/plain; charset=utf-8",
  wasm: "application/wasm",
  webmanifest: "application/manifest+json",
  webp: "image/webp",
  woff2: "font/woff2",
};
/** A bundler's file name that changes with its content. */
const HASHED_NAME = /^\/assets\/.+-[A-Za-z0-9_-]{8}\.[a-z0-9]+$/;

export default {
  async fetch(request: Request, env: AssetEnv): Promise<Response> {
    if (request.method !== "GET" && request.method !== "HEAD") return new Response(null, { status: 405 });
    const path = safePath(new URL(request.url).pathname);
    const found = path === null ? null : await open(env, path === "/" ? "/index.html" : path);
    if (found) return answer(request, env, found);
    const isPage = env.NOT_FOUND_HANDLING === "single-page-application" && !request.headers.has(ASSETS_ONLY_HEADER);
    const page = isPage ? await open(env, "/index.html") : null;
    return page ? answer(request, env, page) : new Response("Not found", { status: 404 });
  },
};

interface OpenFile {
  path: string;
  bytes: ArrayBuffer;
  etag: string;
}

/** The path with every segment decoded once, or null when it could lead anywhere but down. `_headers` is no asset. */
export function safePath(path: string): string | null {
  let decoded: string;
  try {
    decoded = decodeURIComponent(path);
  } catch {
    return null;
  }
  const segments = decoded.split("/").slice(1);
  const isUnsafe = segments.some((segment) => segment.startsWith(".") || /[\\\u0000-\u001f]/.test(segment));
  return isUnsafe || decoded === "/_headers" || decoded.includes("//") ? null : decoded;
}

async function open(env: AssetEnv, path: string): Promise<OpenFile | null> {
  const url = `http://files${path.split("/").map(encodeURIComponent).join("/")}`;
  const response = await env.FILES.fetch(url);
  // The disk service answers a folder with a listing.
  if (!response.ok || response.headers.get("content-type") === "application/json") {
    await response.body?.cancel();
    return null;
  }
  const bytes = await response.arrayBuffer();
  // A name that changes with the content is as good as a digest of it.
  return { path, bytes, etag: HASHED_NAME.test(path) ? `"${path}"` : await digest(bytes) };
}

async function digest(bytes: ArrayBuffer): Promise<string> {
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).slice(0, 16);
  return `"${Array.from(hash, (byte) => byte.toString(16).padStart(2, "0")).join("")}"`;
}

function answer(request: Request, env: AssetEnv, { path, bytes, etag }: OpenFile): Response {
  const extension = /\.([a-z0-9]+)$/i.exec(path)?.[1]?.toLowerCase() ?? "";
  const headers = new Headers({
    "content-type": CONTENT_TYPES[extension] ?? "application/octet-stream",
    "cache-control": HASHED_NAME.test(path)
      ? "public, max-age=31536000, immutable"
      : "public, max-age=0, must-revalidate",
    "x-content-type-options": "nosniff",
    etag,
  });
  const requested = new URL(request.url).pathname;
  for (const rule of env.HEADER_RULES) {
    if (!matches(rule.pattern, requested)) continue;
    for (const [name, value] of Object.entries(rule.set)) headers.set(name, value);
  }
  if (request.headers.get("if-none-match")?.includes(etag)) return new Response(null, { status: 304, headers });
  headers.set("content-length", String(bytes.byteLength));
  return new Response(request.method === "HEAD" ? null : bytes, { headers });
}

function matches(pattern: string, path: string): boolean {
  const star = pattern.indexOf("*");
  if (star < 0) return path === pattern;
  const [start, end] = [pattern.slice(0, star), pattern.slice(star + 1)];
  return path.length >= start.length + end.length && path.startsWith(start) && path.endsWith(end);
}
