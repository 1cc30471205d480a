/** What nerdctl 2.3 leaves of a container that it removed: its state folder now and then, a copy of its hosts file always. */
import { createHash } from "node:crypto";
import { rm } from "node:fs/promises";

/** On a busy machine nerdctl's hook after a container's end writes its state folder anew, behind the removal. */
const LATE_MS = 10_000;
/** nerdctl's own label: where it keeps a container's state. */
const STATE_LABEL = "nerdctl/state-dir";
const STATE_FOLDER = /^(?<root>\/.+)\/(?<address>[0-9a-f]{8})\/containers\/(?<namespace>[^/]+)\/(?<id>[0-9a-f]{64})$/;

interface Place {
  root: string;
  address: string;
  namespace: string;
}

const shortHash = (text: string) => createHash("sha256").update(text).digest("hex").slice(0, 8);

/** Where the rests of a container are. Pure. */
export function restsOf({ root, address, namespace }: Place, containerId: string): { folder: string; backup: string } {
  const hosts = `${root}/${address}/etchosts/${namespace}/${containerId}`;
  return {
    folder: `${root}/${address}/containers/${namespace}/${containerId}`,
    backup: `${root}/filesystem-ops/${shortHash(hosts)}-hosts-${shortHash("hosts")}-backup`,
  };
}

export class ContainerRests {
  #place: Place | null = null;

  /** Learns from a container's labels where nerdctl keeps such things; what does not name its own id is not believed. */
  learn(containerId: string, labels: Readonly<Record<string, string>>): void {
    const { id, root, address, namespace } = STATE_FOLDER.exec(labels[STATE_LABEL] ?? "")?.groups ?? {};
    if (id === containerId) this.#place = { root: root!, address: address!, namespace: namespace! };
  }

  /**
   * To be called when nerdctl has removed the container: its id is never used again. Removes what is there now, and in a
   * while what came later. Never rejects.
   */
  async remove(containerId: string): Promise<void> {
    if (!this.#place || !/^[0-9a-f]{64}$/.test(containerId)) return;
    const { folder, backup } = restsOf(this.#place, containerId);
    const removeAll = async () => {
      for (const path of [folder, backup]) await rm(path, { recursive: true, force: true }).catch(() => undefined);
    };
    setTimeout(removeAll, LATE_MS).unref();
    await removeAll();
  }
}
