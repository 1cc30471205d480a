/**
 * The Worker's entry on stock workerd: does what the cloud's edge does in front of it, and nothing else.
 *
 * - Assets are served before the Worker is asked, except for the paths of `run_worker_first`.
 * - The peer's address, which the cloud puts into a header of its own, is taken from the connection. No header is
 *   believed, and the request is passed on as it came: a copy would cost as much as finding out who asks.
 */

import { NodeHub } from "../../durable-objects/node-hub/node-hub.ts";
import { createApp } from "../../worker/app.ts";
import type { Env } from "../../worker/env.ts";
import { workersPorts } from "../../worker/ports/workers.ts";
import { daily } from "../../worker/scheduled.ts";
import { isDailyCall } from "./daily-call.ts";
import { ASSETS_ONLY_HEADER, DAILY_PATH } from "./headers.ts";
import { isWorkerFirst } from "./worker-first.ts";

interface LocalEnv extends Env {
  LOCAL_WORKER_FIRST: string[];
  LOCAL_DAILY_TOKEN?: string;
}

export { NodeHub };

const worker = createApp({ ...workersPorts, peerAddress });

export default {
  async fetch(request, env, context) {
    const path = new URL(request.url).pathname;
    if (path === DAILY_PATH && isDailyCall(request, env.LOCAL_DAILY_TOKEN)) return Response.json(await daily(env));
    if (!isWorkerFirst(path, env.LOCAL_WORKER_FIRST)) {
      const asset = await serveAsset(request, env.ASSETS);
      if (asset) return asset;
    }
    return worker.fetch(request, env, context);
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

/** workerd names the peer of a plain socket as `address:port`. */
function peerAddress(request: Request): string | null {
  const clientIp: unknown = (request.cf as { clientIp?: unknown } | undefined)?.clientIp;
  if (typeof clientIp !== "string") return null;
  const match = /^(?:\[(.+)\]|([^[\]]*?))(?::\d+)?$/.exec(clientIp);
  return match?.[1] ?? match?.[2] ?? null;
}
