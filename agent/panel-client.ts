/** HTTP requests to the control plane: JSON both ways, bounded in time and size. Node's own client, for its footprint. */
import { request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import { failureSchema } from "../protocol/api/envelope.ts";
import type { AgentReport } from "../protocol/api/nodes.ts";
import type { NodeIdentity } from "./config.ts";

const TIMEOUT_MS = 30_000;
const ANSWER_MAX_BYTES = 64 * 1024 * 1024;

export class PanelError extends Error {
  override name = "PanelError";
  /** HTTP status, or 0 when no answer came. */
  readonly status: number;

  constructor(message: string, status: number) {
    super(message);
    this.status = status;
  }
}

export interface PanelRequest {
  method: "GET" | "POST";
  headers?: Record<string, string>;
  body?: unknown;
}

/**
 * @returns `data` of the answer's envelope, not validated.
 * @throws PanelError with the control plane's own sentence, or what kept the answer from coming.
 */
export async function callPanel(url: URL, { method, headers, body }: PanelRequest): Promise<unknown> {
  const text = body === undefined ? undefined : JSON.stringify(body);
  const answer = await exchange(url, method, { accept: "application/json", ...headers }, text);
  let parsed: unknown;
  try {
    parsed = JSON.parse(answer.text);
  } catch {
    throw new PanelError(`${url.origin} answered ${answer.status} with something that is not JSON.`, answer.status);
  }
  const failure = failureSchema.safeParse(parsed);
  if (failure.success) throw new PanelError(failure.data.error, answer.status);
  if (answer.status >= 300) throw new PanelError(`${url.origin} answered ${answer.status}.`, answer.status);
  return (parsed as { data?: unknown }).data;
}

/** Tells the panel something that this agent noticed by itself. @throws PanelError */
export async function reportToPanel({ panelUrl, nodeId, secret }: NodeIdentity, body: AgentReport): Promise<void> {
  const headers = { authorization: `Bearer ${secret}`, "x-catalyst-node": nodeId };
  await callPanel(new URL("/api/agent/report", panelUrl), { method: "POST", headers, body });
}

function exchange(
  url: URL,
  method: string,
  headers: Record<string, string>,
  body: string | undefined,
): Promise<{ status: number; text: string }> {
  const send = url.protocol === "https:" ? httpsRequest : httpRequest;
  const withBody =
    body === undefined ? {} : { "content-type": "application/json", "content-length": Buffer.byteLength(body) };
  return new Promise((resolve, reject) => {
    const fail = (message: string) => reject(new PanelError(message, 0));
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const request = send(url, { method, headers: { ...headers, ...withBody }, signal }, (response) => {
      readAll(response).then(
        (text) => resolve({ status: response.statusCode ?? 0, text }),
        (error) => {
          fail(`The answer of ${url.origin} broke off: ${error.message}`);
        },
      );
    });
    request.on("error", (error) => fail(`${url.origin} cannot be reached: ${error.message}`));
    request.end(body);
  });
}

async function readAll(response: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of response as AsyncIterable<Buffer>) {
    size += part.length;
    if (size > ANSWER_MAX_BYTES) throw new Error("it is too large");
    parts.push(part);
  }
  return Buffer.concat(parts).toString("utf8");
}
