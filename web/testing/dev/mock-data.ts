/** What the mock API answers with: a small fleet in every state. */

import type { Grant } from "../../../protocol/api/access.ts";
import type { AuditEntry } from "../../../protocol/api/audit.ts";
import type { User } from "../../../protocol/api/auth.ts";
import type { Allocation, NodeDetail } from "../../../protocol/api/nodes.ts";
import type { Pool } from "../../../protocol/api/pools.ts";
import type { ServerAllocation } from "../../../protocol/api/server-network.ts";
import type { ServerCrash, ServerDetail } from "../../../protocol/api/servers.ts";
import type { Finding } from "../../../protocol/findings.ts";
import type { ServerState } from "../../../protocol/server-state.ts";
import { templateSchema } from "../../../protocol/template.ts";
import { PRESETS } from "../../pages/server/access/permission-groups.ts";

const ago = (minutes: number) => new Date(Date.now() - minutes * 60_000).toISOString();

export const ME: User = {
  id: "u-1",
  email: "admin@example.com",
  username: "admin",
  roles: ["Administrator"],
  permissions: ["*"],
  createdAt: ago(90_000),
};

const FINDINGS: Finding[] = [
  {
    id: "nerdctl",
    level: "ok",
    subject: "nerdctl",
    message: "v2.3.5",
    remedy: "",
  },
  {
    id: "network-isolation",
    level: "warning",
    subject: "Network isolation",
    message: "The firewall plugin is older than 1.1: servers of different networks can reach each other.",
    remedy: "Install the nerdctl-full bundle of nerdctl's releases; the command that connects this node does it.",
  },
  {
    id: "containerd",
    level: "error",
    subject: "containerd",
    message: "containerd does not run: there is no /run/containerd/containerd.sock.",
    remedy: "Start it, and let it start with the machine; its own log says why it does not.",
  },
  {
    id: "clock",
    level: "warning",
    subject: "Clock",
    message: "This machine's clock is 43 seconds behind the panel's.",
    remedy: "Let the machine set its clock over the network, for example with systemd-timesyncd or chrony.",
  },
  { id: "kernel", level: "ok", subject: "Kernel", message: "6.18.44-amd64", remedy: "" },
  {
    id: "disk-space",
    level: "ok",
    subject: "Disk space",
    message: "312.4 GiB of 500 GiB free in /var/lib/catalyst.",
    remedy: "",
  },
];

export const NODES: NodeDetail[] = [
  ["rack-1", "play.example.com", true, 32_768, 16, 18_432, 9, 6],
  ["basement", "home.example.net", true, 16_384, 8, 15_900, 7, 3],
  ["attic", "192.0.2.44", false, 8_192, 4, 2_048, 1, 1],
].map(([name, address, isOnline, memory, cpu, usedMemory, usedCpu, count], index) => ({
  id: `node-${index + 1}`,
  name: name as string,
  locationId: "home",
  hostname: address as string,
  publicAddress: address as string,
  bindAddress: "0.0.0.0",
  maxMemoryMb: memory as number,
  maxCpuCores: cpu as number,
  maxDiskMb: 512_000,
  memoryOvercommit: 1,
  cpuOvercommit: 4,
  allocatedMemoryMb: usedMemory as number,
  allocatedCpuCores: usedCpu as number,
  allocatedDiskMb: 81_920,
  diskOvercommit: 1,
  freeMemoryMb: (memory as number) - (usedMemory as number),
  freeCpuCores: (cpu as number) * 4 - (usedCpu as number),
  freeDiskMb: 430_080,
  serverCount: count as number,
  isOnline: isOnline as boolean,
  isEnrolled: true,
  lastSeenAt: ago(isOnline ? 0 : 130),
  agentVersion: index === 2 ? "0.1.0+2c26b46b68ff" : "0.1.0+0d4a1185f3c1",
  runtime: "nerdctl",
  mode: index === 1 ? "maintenance" : "active",
  modeSetAt: index === 1 ? ago(25) : null,
  modeSetByName: index === 1 ? "sam" : null,
  modeReason: index === 1 ? "New disks go in. Back by six." : null,
  findingCounts: index === 0 ? { errors: 1, warnings: 2 } : { errors: 0, warnings: index === 1 ? 1 : 0 },
  findings: index === 0 ? FINDINGS : FINDINGS.filter(({ level }) => level !== "error"),
  findingsAt: ago(42),
  latestAgentVersion: "0.1.0+2c26b46b68ff",
  agentUpdate:
    index === 1
      ? {
          version: "0.1.0+2c26b46b68ff",
          status: "failed",
          reason: "The new agent did not reach the panel in time. The one before runs again.",
          at: ago(7),
        }
      : null,
  machine: { memoryMb: 32_100, swapMb: 0, cpuCores: 16, diskMb: 512_000 },
  createdAt: ago(50_000),
}));

const states: [string, ServerState, string, string, string | null][] = [
  ["Survival with friends", "running", "Minecraft: Paper", "node-1", null],
  ["Creative", "starting", "Minecraft: Paper", "node-1", null],
  ["Lobby", "running", "Flying Squid", "node-2", null],
  ["Modded season 4", "crashed", "Minecraft: Paper", "node-1", "The process ran out of memory."],
  ["Tests", "stopped", "Echo", "node-2", null],
  ["New world", "installing", "Minecraft: Paper", "node-1", "Downloading the server."],
  ["Attic box", "running", "Echo", "node-3", null],
  ["Event server with a name that is long enough to be cut", "suspended", "Flying Squid", "node-2", "Suspended."],
];

export const SERVERS: ServerDetail[] = states.map(([name, status, templateName, nodeId, reason], index) => {
  const node = NODES.find((candidate) => candidate.id === nodeId)!;
  return {
    id: `srv-${index + 1}`,
    name,
    description: "",
    ownerId: ME.id,
    ownerName: ME.username,
    nodeId,
    nodeName: node.name,
    nodeIsOnline: node.isOnline,
    locationId: "home",
    templateId: templateName === "Minecraft: Paper" ? "minecraft-paper" : "echo",
    templateName,
    status,
    statusReason: reason,
    exitCode: status === "crashed" ? 137 : null,
    startedAt: status === "running" ? ago(220) : null,
    desiredPower: status === "running" ? "running" : "stopped",
    isSuspended: status === "suspended",
    allocatedMemoryMb: 4_096,
    allocatedCpuCores: 2,
    allocatedDiskMb: 20_480,
    primaryIp: "0.0.0.0",
    primaryPort: 25_565 + index,
    connectAddress: `${node.publicAddress}:${25_565 + index}`,
    networkMode: "bridge",
    createdAt: ago(9_000),
    updatedAt: ago(90),
    image: "eclipse-temurin:21-jre",
    images: [
      { image: "eclipse-temurin:21-jre", label: "Java 21" },
      { image: "eclipse-temurin:17-jre", label: "Java 17" },
    ],
    startup: "java -Xms128M -Xmx{{SERVER_MEMORY}}M -jar server.jar nogui",
    environment: {
      EULA: "true",
      VERSION: "1.21.4",
      MOTD: "A Catalyst server",
      DIFFICULTY: "normal",
      MAX_PLAYERS: "20",
    },
    permissions: ["*"],
    statusSince: ago(3),
    signal: status === "crashed" ? "SIGKILL" : null,
    oomKilled: status === "crashed",
    restartPolicy: "on-failure",
    maxCrashes: 5,
    crashWindowSeconds: 600,
    crashCount: status === "crashed" ? 5 : 0,
    restartAt: null,
    suspension:
      status === "suspended"
        ? { at: ago(4_000), reason: "The invoice of October is still open.", by: { id: ME.id, name: "sam" } }
        : null,
    nodeMode: node.mode,
    nodeModeSetAt: node.modeSetAt,
    nodeModeReason: node.modeReason,
    memoryHeadroomMb: templateName === "Minecraft: Paper" ? 615 : 0,
    hasOwnHeadroom: false,
    swapMb: 0,
    cpuPinning: null,
    ioWeight: null,
    pidsLimit: 512,
    openFilesLimit: 65_536,
    stopTimeoutSeconds: null,
    templateStopTimeoutSeconds: 60,
    pendingRestart: index === 0 ? [{ field: "image" }, { field: "openFilesLimit" }] : [],
    pool: null,
    networkAppliesAtNextStart: index === 0,
  };
});

export const GRANTS: Grant[] = [
  { userId: "u-7", username: "alex", email: "alex@example.com", permissions: [...PRESETS[1]!.permissions] },
  { userId: "u-8", username: "robin", email: "robin@example.com", permissions: ["server.read", "server.start"] },
].map((grant, index) => ({ ...grant, createdAt: ago(800 * (index + 1)) }));

export const CRASHES: ServerCrash[] = [
  { exitCode: 137, signal: "SIGKILL", oomKilled: true, runTimeMs: 754_000, waitMs: null },
  { exitCode: 139, signal: "SIGSEGV", oomKilled: false, runTimeMs: 3_661_000, waitMs: 2_000 },
  { exitCode: 42, signal: null, oomKilled: false, runTimeMs: 900, waitMs: 1_000 },
].map(({ waitMs, ...end }, index) => {
  const at = ago(12 + 7 * index);
  return {
    ...end,
    id: String(9 - index),
    at,
    crashCount: 3 - index,
    restartAt: waitMs === null ? null : new Date(Date.parse(at) + waitMs).toISOString(),
    lastLines:
      "[12:04:01 INFO]: Saving chunks for level 'world'\n\u001b[31mjava.lang.OutOfMemoryError: Java heap space\u001b[0m",
  };
});

export const TEMPLATES = [
  {
    id: "minecraft-paper",
    name: "Minecraft: Paper",
    description: "A fast Minecraft server with plugins, on Eclipse Temurin.",
    image: "eclipse-temurin:21-jre",
    images: [
      { name: "java-21", label: "Java 21", image: "eclipse-temurin:21-jre" },
      { name: "java-17", label: "Java 17", image: "eclipse-temurin:17-jre" },
    ],
    startup: "java -Xms128M -Xmx{{SERVER_MEMORY}}M -jar server.jar nogui",
    allocatedMemoryMb: 4_096,
    allocatedCpuCores: 2,
    variables: [
      {
        name: "EULA",
        description: "You accept Mojang's end user licence agreement.",
        default: "false",
        required: true,
        input: "checkbox" as const,
        rules: ["required", "in:true,false"],
      },
      { name: "VERSION", description: "Game version, or latest.", default: "latest", rules: ["string", "max:20"] },
      { name: "MOTD", description: "Shown in the server list.", default: "A Catalyst server", rules: ["max:60"] },
      {
        name: "DIFFICULTY",
        description: "How hard monsters hit.",
        default: "normal",
        input: "select" as const,
        rules: ["in:peaceful,easy,normal,hard"],
      },
      {
        name: "MAX_PLAYERS",
        description: "Players at the same time.",
        default: "20",
        input: "number" as const,
        rules: ["integer", "between:1,500"],
      },
    ],
  },
  {
    id: "minecraft-flying-squid",
    name: "Flying Squid",
    description: "A small Minecraft server written in JavaScript. Starts in seconds.",
    image: "node:24-bookworm-slim",
    startup: "node app.js",
    allocatedMemoryMb: 512,
  },
  {
    id: "echo",
    name: "Echo",
    description: "Answers every line. For first steps and for trying the console.",
    image: "busybox:stable",
    startup: "sh echo.sh",
    allocatedMemoryMb: 64,
    allocatedCpuCores: 0.25,
  },
].map((template) => ({
  ...templateSchema.parse(template),
  revision: 1,
  createdAt: ago(9_000),
  updatedAt: ago(9_000),
}));

export const ALLOCATIONS: Allocation[] = Array.from({ length: 8 }, (_, index) => ({
  id: `a-${index}`,
  nodeId: "node-1",
  ip: index < 6 ? "0.0.0.0" : "2001:db8:4a1c:77::15",
  port: 25_565 + index,
  alias: index < 6 ? "play.example.com" : null,
  notes: index === 7 ? "kept for events" : null,
  serverId: index < 4 ? `srv-${index + 1}` : null,
  serverName: index < 4 ? `Server ${index + 1}` : null,
  isPrimary: index < 4,
}));

export const SERVER_ALLOCATIONS: ServerAllocation[] = [0, 1, 2].map((index) => ({
  id: `a-${index}`,
  ip: "0.0.0.0",
  port: 25_565 + index,
  alias: "play.example.com",
  notes: ["", "query", "web map"][index] || null,
  isPrimary: index === 0,
  appliesAtNextStart: index === 2,
}));

export const POOLS: Pool[] = [
  {
    ...{ id: "pool-1", nodeId: "node-1", nodeName: "rack-1", name: "Public games", kind: "macvlan", parent: "eth1" },
    ...{
      cidr: "203.0.113.0/28",
      gateway: "203.0.113.1",
      exclusions: [],
      isIsolated: true,
      assignedCount: 3,
      freeCount: 10,
    },
    createdAt: ago(9_000),
  },
  {
    ...{ id: "pool-2", nodeId: "node-1", nodeName: "rack-1", name: "Lab", kind: "bridge", parent: null },
    ...{
      cidr: "fd12:3456::/64",
      gateway: "fd12:3456::1",
      exclusions: [],
      isIsolated: true,
      assignedCount: 0,
      freeCount: null,
    },
    createdAt: ago(9_000),
  },
];

export const AUDIT: AuditEntry[] = [
  ["server.power.start", "server", "srv-1", {}, 1],
  ["server.update", "server", "srv-1", { fields: ["environment"] }, 12],
  ["node.deployment_token.create", "node", "node-2", {}, 44],
  ["server.create", "server", "srv-6", { name: "New world", memoryMb: 4096 }, 60],
  ["user.ban", "user", "u-9", { reason: "spam" }, 1_500],
  ["auth.login", "user", "u-1", {}, 1_502],
].map(([action, targetType, targetId, details, minutes], index) => ({
  id: `e-${index}`,
  at: ago(minutes as number),
  actorId: "u-1",
  actorName: index === 3 ? null : "admin",
  action: action as string,
  targetType: targetType as string,
  targetId: targetId as string,
  requestId: "r-1",
  ip: "198.51.100.7",
  details: details as Record<string, unknown>,
}));

export const USERS = [
  { ...ME, isBanned: false, roleIds: ["r-1"], serverCount: 6 },
  {
    ...ME,
    id: "u-2",
    username: "alex",
    email: "alex@example.com",
    roles: ["User"],
    isBanned: false,
    roleIds: ["r-3"],
    serverCount: 2,
  },
  {
    ...ME,
    id: "u-9",
    username: "griefer",
    email: "g@example.com",
    roles: ["User"],
    isBanned: true,
    roleIds: ["r-3"],
    serverCount: 0,
  },
];

export const SESSIONS = [
  {
    id: "s-1",
    ip: "198.51.100.7",
    userAgent: "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0",
    createdAt: ago(30),
    expiresAt: ago(-1_400),
    isCurrent: true,
  },
  {
    id: "s-2",
    ip: "203.0.113.20",
    userAgent: "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Mobile/15E148 Safari/604.1",
    createdAt: ago(600),
    expiresAt: ago(-800),
    isCurrent: false,
  },
];

export const API_KEYS = [
  {
    id: "k-1",
    name: "Discord bot",
    prefix: "cat_9f3a",
    scopes: ["server.read", "server.start", "server.stop"],
    allowedIps: [],
    expiresAt: ago(-100_000),
    lastUsedAt: ago(4),
    createdAt: ago(9_000),
  },
];
