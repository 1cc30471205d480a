import type { NodeHubRpc } from "../protocol/hub-rpc.ts";

/** Bindings, variables and secrets of the Worker and its Durable Objects. */
export interface Env {
  NODE_HUB: DurableObjectNamespace<Rpc.DurableObjectBranded & NodeHubRpc>;
  ASSETS: Fetcher;
  /** Postgres URL, reached over Neon's HTTP protocol. */
  DATABASE_URL: string;
  /** JSON array of `{kid, secret}`; the first signs, all verify. Secrets are base64url of at least 32 bytes. */
  JWT_KEYS: string;
  REGISTRATION: "open" | "invite" | "closed";
  /** Only on one machine without Neon: where the local Neon-protocol proxy listens, such as `http://127.0.0.1:14444`. */
  NEON_LOCAL_PROXY?: string;
  /** Header that names the client's address when not behind Cloudflare; empty means the peer is not known. */
  CLIENT_IP_HEADER?: string;
  /** Public origin of the panel when it cannot be taken from the request. */
  PUBLIC_URL?: string;
  /** Days for which audit entries are kept; 90 unless set. */
  AUDIT_RETENTION_DAYS?: string;
  /** Scrape token of /metrics; without it the route does not exist. */
  METRICS_TOKEN?: string;
}
