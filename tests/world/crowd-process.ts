/** Started by `crowd.ts`: url, token, server and number of viewers are its arguments. */
import { ConsoleViewer } from "./console-viewer.ts";

export interface CrowdReport {
  /** Of each viewer, the offset it has come to. */
  offsets: number[];
  faults: string[];
}

const [url, token, serverId, count] = process.argv.slice(2) as [string, string, string, string];
const viewers = Array.from({ length: Number(count) }, () => new ConsoleViewer({ url, token }, serverId, false));
process.on("message", () => {
  const report: CrowdReport = {
    offsets: viewers.map((viewer) => viewer.next ?? 0),
    faults: viewers.flatMap((viewer) => viewer.faults),
  };
  process.send!(report);
});
process.on("disconnect", () => process.exit(0));
await Promise.all(viewers.map((viewer) => viewer.connect()));
process.send!("joined");
