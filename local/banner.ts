/** What `npm start` says when ready: to a person, or as one line to a program. */
import type { Catalyst } from "./catalyst.ts";
import type { StartOptions } from "./options.ts";

export function readyLine(catalyst: Catalyst, options: StartOptions): string {
  const { url, adminEmail, adminPassword, databaseUrl, neonProxyUrl } = catalyst;
  const nodes = catalyst.agents.map((agent) => ({ id: agent.nodeId, pid: agent.pid(), statsUrl: agent.statsUrl }));
  const line = {
    url,
    adminEmail,
    adminPassword,
    dataDir: options.dataDir,
    databaseUrl,
    neonProxyUrl,
    nodes,
    workerPid: catalyst.workerPid(),
  };
  return `${JSON.stringify(line)}\n`;
}

export function banner(catalyst: Catalyst, options: StartOptions): string {
  const password = catalyst.adminPassword ?? "as before (set a new one with --admin-password)";
  const lines = [
    "",
    `  Catalyst is ready at  ${catalyst.url}`,
    "",
    `  Sign in with          ${catalyst.adminEmail}`,
    `  Password              ${password}`,
    `  Game servers          ${describeRuntimes(catalyst)}`,
    `  Data and logs         ${options.dataDir}`,
  ];
  if (catalyst.runtimes.includes("process")) {
    lines.push(
      "",
      "  Game servers run as plain processes of this machine: nothing keeps them apart from it",
      "  or from each other. Good for trying Catalyst out; install containerd and nerdctl for more.",
    );
  }
  const end = options.stopServers
    ? "Ctrl-C stops everything, game servers too."
    : "Ctrl-C stops Catalyst; game servers go on.";
  return `${lines.join("\n")}\n\n  ${end}\n\n`;
}

function describeRuntimes(catalyst: Catalyst): string {
  const nodes = catalyst.agents.map(
    (agent, index) => `${agent.nodeId} (${catalyst.runtimes[index] ?? "not connected"})`,
  );
  return nodes.join(", ") || "none on this machine";
}
