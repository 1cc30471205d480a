/** Where a server's disk image and what is made on the way to it lie: beside the data folder, out of the game's reach. */
import { join } from "node:path";
import type { ServerPaths } from "../runtime/container-runtime.ts";

export interface DiskPaths {
  /** The mountpoint: the game's folder. */
  data: string;
  /** The image that is mounted there. */
  image: string;
  /** An image that is being made. Whatever an agent finds here at its start was never finished. */
  making: string;
  /** Where the image in the making is mounted while files are copied into it. */
  copy: string;
  /** A plain data folder whose files are in the image already, or were about to be. */
  aside: string;
}

export const IMAGE_NAME = "disk.img";

export function diskPaths({ root, data }: Pick<ServerPaths, "root" | "data">): DiskPaths {
  return {
    data,
    image: join(root, IMAGE_NAME),
    making: join(root, "disk.new"),
    copy: join(root, "disk.copy"),
    aside: join(root, "data.aside"),
  };
}
