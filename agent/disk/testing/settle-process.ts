/** Brings one server's disk to a size, in a process that a test can kill: `settle-process.ts FOLDER DISK_MB`. */
import { serverPaths } from "../../console/server-paths.ts";
import { createLog } from "../../log.ts";
import { DiskUsage } from "../../stats/disk-usage.ts";
import { LoopImages } from "../loop-images.ts";
import { ServerDisk } from "../server-disk.ts";
import { GAME } from "./disk-world.ts";

const [folder, diskMb] = process.argv.slice(2);
const log = createLog("silent");
const wish = { id: "server-1", diskMb: Number(diskMb) };
const hard = new LoopImages({ gameOwner: GAME, isReserved: false, log });
const disk = new ServerDisk(serverPaths(folder!, wish.id), { hard, softReason: null, folders: new DiskUsage(), log });
await disk.settle(wish, true);
await disk.whenSettled();
process.stdout.write(JSON.stringify(await disk.read(wish)));
