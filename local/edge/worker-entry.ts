/**
 * The Worker's entry on stock workerd: does what the cloud's edge does in front of it, and nothing else.
 *
 * - Assets are served before the Worker is asked, except for the paths of `run_worker_first`.
 * - The peer's address, which the cloud puts into a header of its own, is put into `LOCAL_PEER_HEADER`; what a client
 *   sent under that name is dropped.
 */

import type { Env } from "../../worker/env.ts";
import worker, { NodeHub } from "../../worker/index.ts";
import { ASSETS_ONLY_HEADER, LOCAL_PEER_HEADER } from "./headers.ts";
import { isWorkerFirst } from "./worker-first.ts";

interface LocalEnv extends Env {
  LOCAL_WORKER_FIRST: string[];
}

export { NodeHub };

export default {
  async fetch(request, env, context) {
    const path = new URL(request.url).pathname;
    if (!isWorkerFirst(path, env.LOCAL_WORKER_FIRST)) {
      const asset = await serveAsset(request, env.ASSETS);
      if (asset) return asset;
    }
    return worker.fetch(withPeer(request), env, context);
  },
} satisfies ExportedHandler<LocalEnv>;

/** Null when there is none and the request is not a page being opened: then it is the Worker's. */
async function serveAsset(request: Request, assets: Fetcher): Promise<Response | null> {
  if (request.method !== "GET" && request.method !== "HEAD") return null;
  // Browsers say so themselves only on https and localhost; elsewhere what they accept gives it away.
  const opensPage =
    request.headers.get("sec-fetch-mode") === "navigate" || (request.headers.get("accept") ?? "").includes("text/html");
  if (opensPage) return assets.fetch(request);
  const headers = new Headers(request.headers);
  headers.set(ASSETS_ONLY_HEADER, "1");
  const response = await assets.fetch(new Request(request, { headers }));
  return response.status === 404 ? null : response;
}

type IncomingRequest = Parameters<NonNullable<ExportedHandler["fetch"]>>[0];

function withPeer(request: IncomingRequest): IncomingRequest {
  const peer = peerAddress(request.cf as { clientIp?: unknown } | undefined);
  if (peer === null && !request.headers.has(LOCAL_PEER_HEADER)) return request;
  const headers = new Headers(request.headers);
  headers.delete(LOCAL_PEER_HEADER);
  if (peer !== null) headers.set(LOCAL_PEER_HEADER, peer);
  return new Request(request, { headers }) as IncomingRequest;
}

/** workerd names the peer of a plain socket as `address:port`. */
function peerAddress(cf: { clientIp?: unknown } | undefined): string | null {
  if (typeof cf?.clientIp !== "string") return null;
  const match = /^(?:\[(.+)\]|([^[\]]*?))(?::\d+)?$/.exec(cf.clientIp);
  return match?.[1] ?? match?.[2] ?? null;
}
