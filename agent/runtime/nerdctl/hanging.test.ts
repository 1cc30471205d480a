/** A nerdctl that never answers. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { createLog } from "../../log.ts";
import type { RuntimeError } from "../container-runtime.ts";
import { NerdctlCli } from "./cli.ts";
import { Images } from "./images.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "catalyst-hanging-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const cliOf = (script: string) => {
  const binary = join(folder, "nerdctl");
  writeFileSync(binary, `#!/bin/sh\n${script}\n`);
  chmodSync(binary, 0o755);
  return new NerdctlCli({ nodeId: "node-1", panel: "panel-1", dataDir: folder, log: createLog("silent"), binary });
};
const failureOf = (work: Promise<unknown>) =>
  work.then(
    () => null,
    (error: RuntimeError) => error,
  );

it("is ended at its deadline, and the node is to blame, not the server", async () => {
  const begunAt = performance.now();
  const failure = await failureOf(cliOf("exec sleep 60").call(["run"], { deadlineMs: 200 }));
  expect(failure).toMatchObject({ message: "The node's container runtime did not answer in time.", isNodeFault: true });
  expect(performance.now() - begunAt).toBeLessThan(10_000);
});

it("is told apart from one that refuses, and from a containerd that is away", async () => {
  const refused = await failureOf(cliOf("echo 'manifest unknown' >&2; exit 1").demand("start", ["run"]));
  expect(refused).toMatchObject({ isNodeFault: false });
  for (const words of [
    'cannot access containerd socket "/run/c.sock": no such file',
    "error reading from server: EOF",
    "error reading from server: connection reset by peer",
  ]) {
    const away = cliOf(`echo '${words}' >&2; exit 1`);
    expect(await failureOf(away.demand("start", ["run"])), words).toMatchObject({ isNodeFault: true });
  }
});

it("that misses containerd says nothing of an image, which is not pulled then", async () => {
  const imagesOf = (words: string) => {
    const cli = cliOf(`echo '${words}' >&2; exit 1`);
    return new Images({ cli, loginFile: join(folder, "logins"), folder, pullDeadlineMs: 1_000 });
  };
  const failure = await failureOf(imagesOf("error reading from server: EOF").isPresent("echo:1"));
  expect(failure).toMatchObject({ isNodeFault: true });
  expect(await imagesOf("no such image: echo:1").isPresent("echo:1")).toBe(false);
});
