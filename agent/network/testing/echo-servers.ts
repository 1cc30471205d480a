/** Servers in containers that echo by TCP and UDP, and that can be made to call each other. */
import { execFile } from "node:child_process";
import { createSocket } from "node:dgram";
import { mkdirSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import type { LaunchSpec } from "../../runtime/container-runtime.ts";
import type { NerdctlRuntime } from "../../runtime/nerdctl/nerdctl-runtime.ts";
import { containerName } from "../../runtime/nerdctl/options.ts";
import type { TestNode } from "../../runtime/nerdctl/testing/test-node.ts";
import { waitUntil } from "../../testing/wait-until.ts";

const run = promisify(execFile);
export const NODE_IMAGE = "catalyst-test/node:24";

/** With ports it echoes on them; with `call host port` it prints what came back to `hi`, or the error's code. */
const PROGRAM = `
const net = require("node:net"), dgram = require("node:dgram");
const [what, host, port] = process.argv.slice(2);
if (what === "call") {
  const socket = net.connect({ host, port: Number(port) });
  const end = (word) => { console.log(word); process.exit(0); };
  socket.setTimeout(2500, () => end("timeout"));
  socket.on("error", (error) => end(error.code));
  socket.on("data", (data) => end(String(data)));
  socket.on("connect", () => socket.write("hi"));
} else {
  const ports = process.argv.slice(2).map(Number);
  let open = 0;
  const ready = () => { if (++open === ports.length * 2) console.log("ready"); };
  for (const p of ports) {
    net.createServer((c) => { c.on("error", () => {}); c.pipe(c); }).listen(p, "::", ready);
    const udp = dgram.createSocket({ type: "udp6" });
    udp.on("message", (m, r) => udp.send(m, r.port, r.address));
    udp.bind(p, "::", ready);
  }
}`;

export interface EchoServer {
  launch: LaunchSpec;
  id: string;
}

/** Starts a server that echoes on the port, and on its published ones. */
export async function startEcho(
  node: TestNode,
  runtime: NerdctlRuntime,
  spec: Partial<LaunchSpec["spec"]>,
  port = 7777,
): Promise<EchoServer> {
  const ports = [port, ...(spec.allocations ?? []).map((allocation) => allocation.port)];
  const launch = node.launch(`node /data/echo.js ${ports.join(" ")}`, { image: NODE_IMAGE, memoryMb: 128, ...spec });
  mkdirSync(launch.paths.data, { recursive: true });
  writeFileSync(join(launch.paths.data, "echo.js"), PROGRAM);
  await runtime.start(launch);
  await waitUntil("the echo", async () => (await node.consoleText(launch)).includes("ready"), 30_000);
  return { launch, id: launch.spec.id };
}

const inContainer = async (id: string, ...command: string[]): Promise<string> =>
  (await run("nerdctl", ["--namespace", "catalyst", "exec", containerName(id), ...command])).stdout.trim();

/** What one server gets when it calls an address: `hi`, or the error. */
export const callFrom = (from: EchoServer, host: string, port = 7777): Promise<string> =>
  inContainer(from.id, "node", "/data/echo.js", "call", host, String(port));

/** A server's own addresses, as it sees them. */
export async function addressesOf({ id }: EchoServer): Promise<{ ipv4: string; ipv6: string }> {
  const text = await inContainer(id, "node", "-p", "JSON.stringify(os.networkInterfaces())");
  const all = Object.values(
    JSON.parse(text) as Record<string, { address: string; internal: boolean; family: string }[]>,
  )
    .flat()
    .filter(({ internal, address }) => !internal && !address.startsWith("fe80"));
  const of = (family: string) => all.find((each) => each.family === family)?.address ?? "";
  return { ipv4: of("IPv4"), ipv6: of("IPv6") };
}

const PATIENCE_MS = 3_000;

/** The same from the machine itself, by TCP. */
export function callTcp(host: string, port: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const end = (word: string) => {
      socket.destroy();
      resolve(word);
    };
    socket.setTimeout(PATIENCE_MS, () => end("timeout"));
    socket.on("error", (error: NodeJS.ErrnoException) => end(error.code ?? "error"));
    socket.on("data", (data) => end(String(data)));
    socket.on("connect", () => socket.write("hi"));
  });
}

/** And by UDP. */
export function callUdp(host: string, port: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = createSocket(host.includes(":") ? "udp6" : "udp4");
    const end = (word: string) => {
      clearTimeout(timer);
      socket.close();
      resolve(word);
    };
    const timer = setTimeout(() => end("timeout"), PATIENCE_MS);
    socket.on("message", (data) => end(String(data)));
    socket.on("error", () => end("error"));
    socket.send("hi", port, host);
  });
}
