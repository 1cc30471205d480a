/** A client's end of a hub socket, for tests on workerd. */
import type { HubIdentity } from "../../protocol/hub-rpc.ts";
import { HUB_IDENTITY_HEADER } from "../../protocol/hub-rpc.ts";

interface Frame {
  type: string;
  [field: string]: unknown;
}

export class TestSocket {
  /** Every frame that came and was not taken yet; console text that is not JSON has the type `raw`. */
  readonly frames: Frame[] = [];
  closed: { code: number; reason: string } | null = null;
  readonly socket: WebSocket;
  #wake: () => void = () => {};

  constructor(socket: WebSocket) {
    this.socket = socket;
    socket.accept();
    socket.addEventListener("message", ({ data }) => {
      this.frames.push(parse(data));
      this.#wake();
    });
    socket.addEventListener("close", ({ code, reason }) => {
      this.closed = { code, reason };
      this.#wake();
    });
  }

  send(frame: object | string | ArrayBuffer): void {
    this.socket.send(typeof frame === "string" || frame instanceof ArrayBuffer ? frame : JSON.stringify(frame));
  }

  close(): void {
    this.socket.close(1000, "done");
  }

  /** Takes the oldest frame of a type, waiting for it; fails after the deadline. */
  async take<T extends Frame = Frame>(type: string, deadlineMs = 5_000): Promise<T> {
    let found: Frame | undefined;
    await this.until(
      () => {
        const index = this.frames.findIndex((frame) => frame.type === type);
        if (index < 0) return false;
        [found] = this.frames.splice(index, 1);
        return true;
      },
      `a frame ${type}`,
      deadlineMs,
    );
    return found as T;
  }

  async untilClosed(deadlineMs = 5_000): Promise<{ code: number; reason: string }> {
    await this.until(() => this.closed !== null, "the close", deadlineMs);
    return this.closed!;
  }

  async until(condition: () => boolean, what: string, deadlineMs = 5_000): Promise<void> {
    const end = Date.now() + deadlineMs;
    while (!condition()) {
      const left = end - Date.now();
      if (left <= 0)
        throw new Error(`${what} did not come; there are: ${this.frames.map(({ type }) => type).join(" ")}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }
}

/** Opens a hub socket as the Worker does. */
export async function connect(hub: Pick<Fetcher, "fetch">, identity: HubIdentity): Promise<TestSocket> {
  const response = await hub.fetch("https://hub.internal/connect", {
    headers: { Upgrade: "websocket", [HUB_IDENTITY_HEADER]: JSON.stringify(identity) },
  });
  if (!response.webSocket) throw new Error(`the hub refused: ${response.status}`);
  return new TestSocket(response.webSocket);
}

function parse(data: unknown): Frame {
  if (typeof data !== "string") return { type: "binary" };
  try {
    return JSON.parse(data) as Frame;
  } catch {
    return { type: "raw", data };
  }
}
