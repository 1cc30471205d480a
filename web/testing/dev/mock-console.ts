/** A console of the mock API: a log that grows, and its socket. */
import type { WebSocket } from "ws";

const LEVELS = ["INFO", "INFO", "INFO", "WARN", "ERROR"] as const;
const COLOURS = { INFO: "\x1b[32m", WARN: "\x1b[33m", ERROR: "\x1b[31m" };
const TEXTS = [
  "Preparing spawn area: 84%",
  "alex joined the game",
  "alex has made the advancement [Stone Age]",
  "Can't keep up! Is the server overloaded? Running 2103ms or 42 ticks behind",
  "Saved the game",
  "<alex> who wants to build at https://map.example.com/#world ?",
  "Could not pass event PlayerMoveEvent to Skylands v1.2",
];

export class MockConsole {
  #buffer = Buffer.alloc(1 << 20);
  #length = 0;
  readonly #viewers = new Set<WebSocket>();
  readonly #serverId: string;
  #lines = 0;

  constructor(serverId: string) {
    this.#serverId = serverId;
    for (let line = 0; line < 12_000; line++) this.#grow();
    setInterval(() => this.#emit(this.#grow()), 1_200).unref();
  }

  #grow(text?: string): { data: string; offset: number; bytes: number } {
    const number = this.#lines++;
    const level = LEVELS[(number * 7) % LEVELS.length]!;
    const time = new Date(Date.UTC(2026, 0, 1, 9, 0, number)).toISOString().slice(11, 19);
    const data =
      text ??
      `\x1b[90m[${time}]\x1b[0m ${COLOURS[level]}[Server thread/${level}]\x1b[0m: ${TEXTS[number % TEXTS.length]}\n`;
    const offset = this.#length;
    const added = Buffer.from(data);
    if (offset + added.length > this.#buffer.length) this.#buffer = Buffer.concat([this.#buffer, this.#buffer]);
    added.copy(this.#buffer, offset);
    this.#length += added.length;
    return { data, offset, bytes: added.length };
  }

  #emit(piece: { data: string; offset: number; bytes: number }): void {
    for (const viewer of this.#viewers) this.#send(viewer, { type: "console_output", stream: "stdout", ...piece });
  }

  #send(viewer: WebSocket, frame: object): void {
    viewer.send(JSON.stringify({ serverId: this.#serverId, timestamp: Date.now(), ...frame }));
  }

  read(from: number, limit: number) {
    const to = Math.min(this.#length, from + limit);
    return { data: this.#buffer.toString("utf8", from, to), from, to, oldest: 0, latest: this.#length };
  }

  join(viewer: WebSocket, from: number | null): void {
    const start = from ?? Math.max(0, this.#length - 64 * 1024);
    this.#send(viewer, { type: "console_gap", from: 0, to: start });
    const { data, to } = this.read(start, 1e9);
    this.#send(viewer, { type: "console_output", stream: "stdout", data, offset: start, bytes: to - start });
    this.#send(viewer, { type: "subscribed", offset: to, oldest: 0 });
    this.#viewers.add(viewer);
    let received = 4e6;
    const stats = setInterval(() => {
      received += 90_000 * Math.random();
      this.#send(viewer, {
        type: "resource_stats",
        cpuPercent: 55 + 40 * Math.sin(Date.now() / 9_000) + 12 * Math.random(),
        memoryBytes: 2.4e9 + 2e8 * Math.random(),
        memoryLimitBytes: 4096 * 1024 * 1024,
        networkRxBytes: Math.round(received),
        networkTxBytes: Math.round(received * 2.2),
        diskBytes: 19.6e9,
        diskLimitBytes: 20_480 * 1024 * 1024,
        diskLimitKind: "hard",
        diskState: "nearly_full",
        diskNotice: "The new size of this server's disk, 16384 MiB, waits until it is stopped.",
        processCount: 3,
        uptimeMs: 13_000_000,
      });
    }, 500);
    viewer.on("message", (raw) => {
      const frame = JSON.parse(String(raw)) as { type: string; data?: string };
      if (frame.type === "ping") viewer.send('{"type":"pong"}');
      if (frame.type !== "console_input") return;
      if (frame.data === "drop") viewer.terminate();
      else if (frame.data === "suspend")
        this.#send(viewer, { type: "bye", code: 4409, reason: "", reconnectAfterMs: 0 });
      else if (frame.data === "skip") {
        const before = this.#length;
        for (let line = 0; line < 60_000; line++) this.#grow();
        this.#send(viewer, { type: "console_gap", from: before, to: this.#length });
      } else this.#emit(this.#grow(`echo: ${frame.data}\n`));
    });
    viewer.on("close", () => {
      clearInterval(stats);
      this.#viewers.delete(viewer);
    });
  }
}
