/** A relay of connections that can be cut at any moment, as a router that is switched off and on cuts them. */
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

export class CuttableLink {
  readonly #server: Server;
  readonly #open = new Set<Socket>();

  private constructor(server: Server) {
    this.#server = server;
  }

  /** @param port on this machine that connections are passed on to. */
  static async to(port: number): Promise<CuttableLink> {
    const server = createServer({ noDelay: true });
    const link = new CuttableLink(server);
    server.on("connection", (near) => {
      const far = connect({ host: "127.0.0.1", port, noDelay: true });
      for (const [socket, other] of [
        [near, far],
        [far, near],
      ] as const) {
        link.#open.add(socket);
        socket.on("error", () => {});
        socket.on("close", () => {
          link.#open.delete(socket);
          other.destroy();
        });
        socket.pipe(other);
      }
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return link;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Ends every connection in the middle of whatever is on it; new ones are taken at once. */
  cut(): void {
    for (const socket of this.#open) socket.resetAndDestroy();
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.cut();
    await closed;
  }
}
