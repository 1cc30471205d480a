import { appendFileSync, chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { createLog } from "../../log.ts";
import { waitUntil } from "../../testing/wait-until.ts";
import { NerdctlCli } from "./cli.ts";
import { EventStream } from "./events.ts";

test("a stream that is begun again before it ended is one, and comes back as one when it ends", async () => {
  const folder = mkdtempSync(join(tmpdir(), "catalyst-events-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const [binary, begun] = [join(folder, "nerdctl"), join(folder, "begun")];
  appendFileSync(begun, "");
  writeFileSync(binary, `#!/bin/sh\necho $$ >> ${begun}\nexec sleep 60\n`);
  chmodSync(binary, 0o755);
  const log = createLog("silent");
  const cli = new NerdctlCli({ nodeId: "node-1", panel: "panel-1", dataDir: folder, log, binary });
  let looks = 0;
  const onListening = async () => void looks++;
  const stream = new EventStream(cli, log, { onEvent: () => {}, onListening });
  onTestFinished(() => stream.close());
  const pids = () => readFileSync(begun, "utf8").split("\n").filter(Boolean).map(Number);

  stream.start();
  stream.start();
  await waitUntil("the first look", () => looks > 0);
  expect(pids()).toHaveLength(1);
  process.kill(pids()[0]!, "SIGKILL");
  await waitUntil("the stream to be back", () => pids().length === 2);
  stream.start();
  const before = looks;
  await waitUntil("another look", () => looks > before);
  expect(pids()).toHaveLength(2);
});
