/** What is mounted, asked of the kernel without any program. */
import { readdir, readFile, stat } from "node:fs/promises";
import { dirname, join } from "node:path";

const LOOP_MAJOR = 7;

const major = (device: number) => Math.floor(device / 256) & 0xfff;
const minor = (device: number) => (device & 0xff) + (Math.floor(device / 2 ** 12) & 0xfff00);

/** A loop device that shows an image. */
export interface LoopDevice {
  /** Such as `/dev/loop3`. */
  device: string;
  /** The file behind it; ` (deleted)` is appended by the kernel to one that is no more. */
  image: string;
}

async function backingFile(folder: string): Promise<string | null> {
  const text = await readFile(join(folder, "loop", "backing_file"), "utf8").catch(() => null);
  return text === null ? null : text.replace(/\n$/, "");
}

/** Whether something is mounted on this very folder. */
export async function isMountpoint(folder: string): Promise<boolean> {
  const [own, parent] = await Promise.all([stat(folder).catch(() => null), stat(dirname(folder)).catch(() => null)]);
  return own !== null && parent !== null && own.dev !== parent.dev;
}

/** The loop device mounted on this very folder, or null when there is none. */
export async function loopMountedOn(folder: string): Promise<LoopDevice | null> {
  if (!(await isMountpoint(folder))) return null;
  const { dev } = await stat(folder);
  if (major(dev) !== LOOP_MAJOR) return null;
  const image = await backingFile(`/sys/dev/block/${LOOP_MAJOR}:${minor(dev)}`);
  return image === null ? null : { device: `/dev/loop${minor(dev)}`, image };
}

/** Every loop device whose file passes `isMeant`, mounted anywhere or nowhere. */
export async function loopsOf(isMeant: (image: string) => boolean): Promise<LoopDevice[]> {
  const names = (await readdir("/sys/block").catch(() => [] as string[])).filter((name) => /^loop\d+$/.test(name));
  const loops = await Promise.all(
    names.map(async (name) => ({ device: `/dev/${name}`, image: await backingFile(join("/sys/block", name)) })),
  );
  return loops.filter((loop): loop is LoopDevice => loop.image !== null && isMeant(loop.image));
}
