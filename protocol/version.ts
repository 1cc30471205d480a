/**
 * The wire protocol's version: one integer, raised whenever a frame changes in a way the other end must know of.
 *
 * Control plane and agents are updated at different times, so each end accepts every version from
 * `PROTOCOL_VERSION_MIN` up to its own, and the older of the two is spoken. Unknown fields are ignored by both ends.
 *
 * History
 * - 1 (2026-11-24): first version.
 *
 * Additions that each end may leave out, so that they raised nothing
 * - 2026-11-24: `resource_stats` may carry `diskLimitKind`, `diskState` and `diskNotice`.
 * - 2026-11-24: `server_state` may carry `restartAt` and `crash`, `server_state_update` may carry `restartAt`
 *   and `crashCount`; a server's
 *   spec has `restartPolicy`, `maxCrashes`, `crashWindowSeconds` and `crashResetAt`, each with a default.
 * - 2026-11-24: a server's spec has `held`, with a default; the error code NODE_MAINTENANCE.
 * - 2026-11-24: `server_state` and `server_state_update` may carry `pendingRestart`; a spec has `memoryHeadroomMb`,
 *   `swapMb`, `cpuPinning`, `ioWeight` and `openFilesLimit`, each with a default.
 * - 2026-11-24: operation `preflight`, and `POST /api/agent/report` by which an agent tells its findings.
 * - 2026-11-24: the operation `cancel_install`; a server's spec has `installAsRoot`, `wipeGeneration`
 *   and `imageRefreshAt`, each with a default.
 * - 2026-11-24: `server_state` may carry `runSpecVersion`; a server's spec has `ownerId` and `pool`, each null by default,
 *   and its `networkMode` may be `pool`, which an agent that does not know it takes for a spec not understood.
 * - 2026-11-24: operation `update`, and `updateFailure` in an agent's report; `agentVersion` names the build, such as
 *   `0.1.0+2c26b46b68ff`.
 */
export const PROTOCOL_VERSION = 1;
export const PROTOCOL_VERSION_MIN = 1;
