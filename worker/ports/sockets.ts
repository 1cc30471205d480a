/** A socket with plain-accept semantics: a close is sent and done at once (unlike hibernatable sockets). */
export interface Socket {
  send(text: string): void;
  close(code: number, reason: string): void;
  onMessage(listener: (text: string | null) => void): void;
  onClose(listener: (code: number, reason: string) => void): void;
}

/** The runtime's way of accepting and using sockets, so that what speaks over them is testable without it. */
export interface SocketPort {
  /** A pair: one end for us, and the 101 answer that carries the other to the client. */
  accept(): { socket: Socket; response: Response };
  /** The socket in a hub's 101 answer, or null when the answer carries none. */
  fromUpgrade(response: Response): Socket | null;
  /** Calls back after so many milliseconds; returns how to call it off. */
  later(delayMs: number, callback: () => void): () => void;
}
