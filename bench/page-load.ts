/**
 * Asks for one page again and again over a fixed number of connections, each sending its next request when the last was
 * answered. It reads of an answer only what it must, because it shares the cores with the server.
 */
import { connect, type Socket } from "node:net";
import { readAnswer } from "./http-answer.ts";

export interface LoadOptions {
  url: string;
  headers: Record<string, string>;
  connections: number;
  durationMs: number;
}

export interface LoadResult {
  requests: number;
  requestsPerSecond: number;
  /** Milliseconds from the request's first byte to the answer's last. */
  ms: number[];
}

/** @throws when any answer is not a 200 or a connection is lost */
export async function load(options: LoadOptions): Promise<LoadResult> {
  const url = new URL(options.url);
  const headers = Object.entries({ host: url.host, ...options.headers }).map(
    ([name, value]) => `${name}: ${value}\r\n`,
  );
  const request = Buffer.from(`GET ${url.pathname}${url.search} HTTP/1.1\r\n${headers.join("")}\r\n`);
  const ms: number[] = [];
  const startedAt = performance.now();
  const endsAt = startedAt + options.durationMs;
  await Promise.all(Array.from({ length: options.connections }, () => askUntil(endsAt, url, request, ms)));
  const seconds = (performance.now() - startedAt) / 1000;
  return { requests: ms.length, requestsPerSecond: ms.length / seconds, ms };
}

async function askUntil(endsAt: number, url: URL, request: Buffer, ms: number[]): Promise<void> {
  const socket = connect(Number(url.port), url.hostname).setNoDelay();
  try {
    while (performance.now() < endsAt) {
      const sentAt = performance.now();
      const status = await ask(socket, request);
      if (status !== 200) throw new Error(`${url.pathname} was answered with ${status}`);
      ms.push(performance.now() - sentAt);
    }
  } finally {
    socket.destroy();
  }
}

function ask(socket: Socket, request: Buffer): Promise<number> {
  return new Promise((resolve, reject) => {
    let received: Buffer = Buffer.alloc(0);
    const settle = (settled: () => void) => {
      socket.off("data", onData);
      socket.off("error", reject);
      socket.off("close", onClose);
      settled();
    };
    const onData = (chunk: Buffer) => {
      received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
      const answer = readAnswer(received);
      if (answer) settle(() => resolve(answer.status));
    };
    const onClose = () => settle(() => reject(new Error("the connection was closed")));
    socket.on("data", onData);
    socket.once("error", reject);
    socket.once("close", onClose);
    socket.write(request);
  });
}
