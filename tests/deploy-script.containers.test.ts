/**
 * The one command that makes a machine a node, run for real: in a mount namespace whose /opt and systemd folder are
 * its own, with a stand-in for systemctl. Needs root.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, expect, it, onTestFinished } from "vitest";
import { Panel } from "./world/panel.ts";
import { until } from "./world/until.ts";

let panel: Panel;
let folder: string;
beforeAll(async () => {
  panel = await Panel.start();
  folder = mkdtempSync(join(tmpdir(), "catalyst-deploy-"));
  mkdirSync(join(folder, "bin"));
  writeFileSync(join(folder, "bin", "systemctl"), `#!/bin/sh\necho "$*" >>${join(folder, "systemctl.log")}\n`);
  chmodSync(join(folder, "bin", "systemctl"), 0o755);
});
afterAll(async () => {
  await panel?.stop();
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
});

/** Runs in a namespace of its own with a fresh machine's folders; whatever it puts there is gone with it. */
function onFreshMachine(script: string): ChildProcess {
  const fresh = "for d in /opt /etc/systemd/system; do mount -t tmpfs tmpfs $d || exit 9; done";
  const path = `${join(folder, "bin")}:${resolve("node_modules/.bin")}:${process.env.PATH}`;
  return spawn("unshare", ["--mount", "--propagation", "private", "bash", "-c", `${fresh}\n${script}`], {
    env: { PATH: path, HOME: "/root", DATA: join(folder, "data"), OUT: folder },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
}

it("installs, enrols, and leaves a unit whose agent connects; a second run with a new link changes what it must", {
  timeout: 120_000,
}, async () => {
  const nodeId = "rented-box";
  await panel.must("POST", "/api/nodes", {
    id: nodeId,
    name: nodeId,
    locationId: "local",
    hostname: "box",
    publicAddress: "127.0.0.1",
    maxMemoryMb: 1024,
    maxCpuCores: 1,
  });
  const link = async () =>
    (await panel.must<{ deployUrl: string }>("POST", `/api/nodes/${nodeId}/deployment-token`)).deployUrl;
  const child = onFreshMachine(`
    set -e
    install() { curl -fsSL "$1" >"$OUT/script" && bash -s -- --no-containers --data-dir "$DATA" <"$OUT/script"; }
    install ${await link()}
    sed -i "s/runtime = .*/&\\nallow_process_runtime = true\\nstats_port = 0/" /opt/catalyst-agent/config.toml
    install ${await link()}
    stat -c "%a %n" /opt/catalyst-agent/* >"$OUT/files"
    cp /etc/systemd/system/catalyst-agent.service "$OUT/unit"
    if command -v systemd-analyze >/dev/null; then
      systemd-analyze verify /etc/systemd/system/catalyst-agent.service >"$OUT/verify" 2>&1 || true
    fi
    start=$(sed -n "s/^ExecStart=//p" "$OUT/unit")
    # As systemd does: nothing but the unit's own environment.
    exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \\
      $(sed -n "s/^Environment=//p" "$OUT/unit") $start`);
  let output = "";
  for (const stream of [child.stdout!, child.stderr!]) {
    stream.on("data", (data) => {
      output += data;
    });
  }
  const ended = new Promise((done) => child.once("exit", done));
  onTestFinished(async () => {
    child.kill("SIGTERM");
    await ended;
  });

  interface Node {
    isOnline: boolean;
    isEnrolled: boolean;
    agentVersion: string | null;
    latestAgentVersion: string | null;
    findings: { id: string; level: string; message: string }[] | null;
  }
  const node = () => panel.must<Node>("GET", `/api/nodes/${nodeId}`);
  await until("the new node is online", async () => (await node()).isOnline, 60_000).catch((error) => {
    throw new Error(`${error.message}\n${output}`);
  });
  const { agentVersion, latestAgentVersion } = await node();
  expect(agentVersion).toBe(latestAgentVersion);
  await until("its findings are told", async () => (await node()).findings !== null);
  // Everything that an update takes is there.
  expect((await node()).findings).toContainEqual(expect.objectContaining({ id: "service", level: "ok" }));
  expect(await panel.must("POST", `/api/nodes/${nodeId}/update-agent`)).toMatchObject({ state: "current" });

  const files = readFileSync(join(folder, "files"), "utf8");
  expect(files).toMatch(/^755 .*\/catalyst-agent$/m);
  expect(files).toMatch(/^755 .*\/catalyst-agent\.mjs$/m);
  expect(files).toMatch(/^600 .*\/config\.toml$/m);
  expect(files.trim().split("\n")).toHaveLength(3);
  const unit = readFileSync(join(folder, "unit"), "utf8");
  expect(unit).toMatch(
    /^ExecStart=\/opt\/catalyst-agent\/catalyst-agent run --config \/opt\/catalyst-agent\/config\.toml$/m,
  );
  expect(unit).toMatch(/^Restart=always$/m);
  expect(unit).toMatch(/^KillMode=process$/m);
  expect(readFileSync(join(folder, "systemctl.log"), "utf8")).toContain("restart catalyst-agent");
  if (spawnSync("sh", ["-c", "command -v systemd-analyze"]).status === 0) {
    expect(readFileSync(join(folder, "verify"), "utf8")).not.toMatch(/catalyst-agent\.service/);
  }
  expect(output).toContain("done: this machine is a node now");
});
