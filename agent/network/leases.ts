/**
 * Addresses in use, as the CNI plugin `host-local` notes them: a file for each, named by the address, that begins with the
 * container's id. A container that was lost (power cut, containerd's state deleted) leaves its note behind, and its
 * address would be taken for ever.
 */
import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";

const CONTAINER_ID = /[0-9a-f]{64}/;

/** Addresses of one network that are in use, or were by a container that was lost. */
export async function notedAddresses(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch(() => []);
  return names.filter((name) => /^[0-9a-f]*[.:][0-9a-f.:]*$/i.test(name));
}

async function notesIn(folder: string): Promise<{ file: string; containerId: string }[]> {
  const notes: { file: string; containerId: string }[] = [];
  for (const address of await notedAddresses(folder)) {
    const file = join(folder, address);
    const containerId = CONTAINER_ID.exec(await readFile(file, "utf8").catch(() => ""))?.[0];
    if (containerId !== undefined) notes.push({ file, containerId });
  }
  return notes;
}

/**
 * Removes the notes of containers that are not there any more.
 *
 * @param folder of one network, or of all when `isOne` is false.
 * @param containerIds asked after the notes were read: a container is there before its address is noted.
 */
export async function sweepLeases(
  folder: string,
  containerIds: () => Promise<Set<string>>,
  isOne = false,
): Promise<void> {
  const folders = isOne ? [folder] : (await readdir(folder).catch(() => [])).map((name) => join(folder, name));
  const notes = (await Promise.all(folders.map(notesIn))).flat();
  if (notes.length === 0) return;
  const present = await containerIds();
  for (const { file, containerId } of notes) if (!present.has(containerId)) await rm(file, { force: true });
}
