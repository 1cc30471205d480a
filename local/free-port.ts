import { createServer } from "node:net";

/**
 * A port nobody listens on at `host` now.
 *
 * @param preferred returned when it is free; otherwise, or when left out, the system chooses.
 */
export async function freePort(host: string, preferred = 0): Promise<number> {
  if (preferred !== 0 && (await isPortFree(host, preferred))) return preferred;
  return listenOnce(host, 0);
}

/** Whether a server could listen there now. */
export async function isPortFree(host: string, port: number): Promise<boolean> {
  return listenOnce(host, port).then(
    () => true,
    () => false,
  );
}

function listenOnce(host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen({ host, port, exclusive: true }, () => {
      const address = server.address();
      const chosen = typeof address === "object" && address ? address.port : port;
      server.close(() => resolve(chosen));
    });
  });
}
