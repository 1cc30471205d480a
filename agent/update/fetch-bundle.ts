/** Downloads a bundle from the agent's own panel into a file, and trusts it for nothing but its SHA-256. */
import { createHash } from "node:crypto";
import { open } from "node:fs/promises";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import { AGENT_BUNDLE_MAX_BYTES } from "../../protocol/agent-update.ts";

/** All of it, over a slow line. */
const DOWNLOAD_DEADLINE_MS = 10 * 60_000;
/** A peer that sends nothing for so long is gone. */
const SILENCE_MAX_MS = 30_000;

/** Why an update cannot be; the message is one sentence for an administrator. */
export class UpdateError extends Error {
  override name = "UpdateError";
}

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

/** Whoever sits on an unprotected line could put a bundle of their own in the place of the panel's. */
export function isProtected(panelUrl: URL): boolean {
  return panelUrl.protocol === "https:" || LOOPBACK.test(panelUrl.hostname);
}

/** @throws UpdateError */
export async function fetchBundle(panelUrl: URL, sha256: string, file: string): Promise<void> {
  const hash = createHash("sha256");
  const response = await begin(new URL("/agent/catalyst-agent.mjs", panelUrl));
  // Never over what is there: the name is this update's alone.
  const target = await open(file, "wx", 0o755);
  try {
    let size = 0;
    for await (const part of response as AsyncIterable<Buffer>) {
      size += part.length;
      if (size > AGENT_BUNDLE_MAX_BYTES) throw new UpdateError("The panel's agent is too large.");
      hash.update(part);
      await target.write(part);
    }
    await target.sync();
  } catch (error) {
    throw asUpdateError(error);
  } finally {
    response.destroy();
    await target.close();
  }
  if (hash.digest("hex") !== sha256) {
    throw new UpdateError("What was downloaded is not what the panel promised: its SHA-256 is another.");
  }
}

/** What any step of an update met, in words. */
export function asUpdateError(error: unknown): Error {
  if (error instanceof UpdateError) return error;
  const { code } = error as NodeJS.ErrnoException;
  if (code === "ENOSPC" || code === "EDQUOT") return new UpdateError("The node's disk is full.");
  if (code === "EROFS" || code === "EACCES") return new UpdateError("The agent's folder cannot be written.");
  if (code === "ECONNRESET" || code === "ABORT_ERR") return new UpdateError("The download broke off.");
  return error as Error;
}

function begin(url: URL): Promise<IncomingMessage> {
  const send = url.protocol === "https:" ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(DOWNLOAD_DEADLINE_MS);
    // Redirects are not followed: they would lead away from the panel.
    const request = send(url, { method: "GET", signal, timeout: SILENCE_MAX_MS }, (response) => {
      if (response.statusCode === 200) return resolve(response);
      response.destroy();
      reject(new UpdateError(`The panel answered ${response.statusCode} instead of the agent.`));
    });
    request.on("timeout", () => request.destroy(new UpdateError("The download broke off.")));
    request.on("error", (error) =>
      reject(
        error instanceof UpdateError ? error : new UpdateError("The panel could not be reached for the download."),
      ),
    );
    request.end();
  });
}
