/** The console's WebSocket in the browser, reconnecting by itself. */
import ReconnectingWebSocket from "partysocket/ws";
import { FINAL_CLOSE_CODES } from "../../protocol/close-codes.ts";

export interface ConsoleSocketHandlers {
  open(): void;
  message(text: string): void;
  close(code: number): void;
}

/** What a session needs of a socket. */
export interface ConsoleSocket {
  /** False when not connected. Nothing is queued: a line typed during an outage must not run later. */
  send(text: string): boolean;
  /** Closes and stays closed until `reconnect`. */
  close(): void;
  /** Drops the connection, if any, and opens a new one. */
  reconnect(): void;
}

/** @param from offset after the last byte held, asked again for each attempt; null before the first text. */
export type OpenSocket = (
  serverId: string,
  from: () => number | null,
  handlers: ConsoleSocketHandlers,
) => ConsoleSocket;

const RETRY_MIN_MS = 500;
const RETRY_JITTER_MS = 1_500;
const RETRY_MAX_MS = 10_000;
const CONNECT_TIMEOUT_MS = 8_000;

function socketUrl(serverId: string, from: number | null): string {
  const url = new URL(`/api/servers/${encodeURIComponent(serverId)}/console`, location.href);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  if (from !== null) url.searchParams.set("from", String(from));
  return url.href;
}

export const openConsoleSocket: OpenSocket = (serverId, from, handlers) => {
  const socket = new ReconnectingWebSocket(() => socketUrl(serverId, from()), undefined, {
    maxEnqueuedMessages: 0,
    minReconnectionDelay: RETRY_MIN_MS + Math.random() * RETRY_JITTER_MS,
    maxReconnectionDelay: RETRY_MAX_MS + Math.random() * RETRY_JITTER_MS,
    reconnectionDelayGrowFactor: 1.6,
    connectionTimeout: CONNECT_TIMEOUT_MS,
    shouldReconnectOnClose: (event) => !FINAL_CLOSE_CODES.includes(event.code),
  });
  socket.onopen = () => handlers.open();
  socket.onmessage = (event) => {
    if (typeof event.data === "string") handlers.message(event.data);
  };
  socket.onclose = (event) => handlers.close(event.code);
  // Coming back from a closed lid or a tunnel: no need to wait for the next attempt.
  const retryNow = () => {
    if (socket.readyState !== WebSocket.OPEN && socket.shouldReconnect) socket.reconnect();
  };
  window.addEventListener("online", retryNow);
  return {
    send: (text) => socket.readyState === WebSocket.OPEN && socket.send(text),
    close: () => {
      window.removeEventListener("online", retryNow);
      socket.close();
    },
    reconnect: () => {
      window.addEventListener("online", retryNow);
      socket.reconnect();
    },
  };
};
