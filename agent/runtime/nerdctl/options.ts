import type { FileOwner } from "../../console/server-paths.ts";
import type { Log } from "../../log.ts";

/** Where containerd and its tools are, and whose containers these are. */
export interface NerdctlOptions {
  nodeId: string;
  /** The node's panel, as `panelName()` has it. */
  panel: string;
  /** The agent's data folder: servers, and this runtime's own records. */
  dataDir: string;
  log: Log;
  /** The nerdctl program; found on PATH by default. */
  binary?: string | undefined;
  /** containerd's socket; nerdctl's own default when not given, as for the next three. */
  address?: string | undefined;
  dataRoot?: string | undefined;
  cniPath?: string | undefined;
  cniNetconfPath?: string | undefined;
  /** Where private networks are made, and which ports of the node servers may reach: see `network/`. */
  privateRange?: string | undefined;
  hostPorts?: readonly number[] | undefined;
  /** containerd namespace, by default `catalyst`. */
  namespace?: string | undefined;
  /** A static tini on PATH or by absolute path. */
  initBinary?: string | undefined;
  /** Time for the download of an image. */
  pullDeadlineMs?: number | undefined;
  /** Whom games run as. */
  gameOwner?: FileOwner | undefined;
}

export const NAMESPACE_DEFAULT = "catalyst";
export const INIT_BINARY_DEFAULT = "tini-static";
/** The user id that game panels have used inside containers for years, so that moved files keep their owner. */
export const GAME_OWNER_DEFAULT: FileOwner = { uid: 988, gid: 988 };

export const LABEL = {
  panel: "catalyst.panel",
  node: "catalyst.node",
  server: "catalyst.server",
  run: "catalyst.run",
  /** `game` or `install`. */
  kind: "catalyst.kind",
} as const;

/** Server ids have no dot: the two kinds of names never meet. */
export const containerName = (serverId: string) => `catalyst-${serverId}`;
export const installContainerName = (serverId: string) => `catalyst-install.${serverId}`;
