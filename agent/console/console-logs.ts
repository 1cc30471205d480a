/** The console logs of a node's servers: one object a server, made when it is first asked for. */
import type { OpenConsoleLog } from "./console-hub.ts";
import type { ConsoleLog } from "./console-log.ts";
import { SegmentLog } from "./segment-log.ts";
import { segmentIndexFile, serverPaths } from "./server-paths.ts";

export interface ConsoleLogs {
  open: OpenConsoleLog;
  /** Lets go of a removed server's log. */
  forget(serverId: string): Promise<void>;
  close(): Promise<void>;
}

export function createConsoleLogs(dataDir: string): ConsoleLogs {
  const logs = new Map<string, ConsoleLog>();
  return {
    open(serverId) {
      const known = logs.get(serverId);
      if (known) return known;
      const paths = serverPaths(dataDir, serverId);
      const log = new SegmentLog(paths.console, segmentIndexFile(paths));
      logs.set(serverId, log);
      return log;
    },
    async forget(serverId) {
      const log = logs.get(serverId);
      logs.delete(serverId);
      await log?.close();
    },
    async close() {
      const all = [...logs.values()];
      logs.clear();
      await Promise.all(all.map((log) => log.close()));
    },
  };
}
