/** From the limits form to what is asked of the control plane: only what differs. Pure. */
import type { z } from "zod";
import type { ServerDetail, updateServerBodySchema } from "../../../protocol/api/servers.ts";
import { formText } from "../../components/form-text.ts";

type Body = z.input<typeof updateServerBodySchema>;

export const FOR_ADMINISTRATORS = "Swap, pinning and I/O weight are set by administrators.";

const NUMBERS = ["allocatedMemoryMb", "allocatedCpuCores", "allocatedDiskMb", "pidsLimit", "openFilesLimit"] as const;

/** Empty: null. Anything that is no number is sent as such, for the control plane to name. */
const optionalNumber = (text: string): number | null => (text === "" ? null : Number(text));

export function limitChanges(form: FormData, server: ServerDetail, isAdministrator: boolean): Body {
  const text = formText(form);
  const changes: Body = {};
  const note = <K extends keyof Body & keyof ServerDetail>(name: K, value: Body[K] & (number | string | null)) => {
    if (value !== server[name]) changes[name] = value;
  };
  for (const name of NUMBERS) note(name, Number(text(name)));
  note("stopTimeoutSeconds", optionalNumber(text("stopTimeoutSeconds")));
  const headroom = optionalNumber(text("memoryHeadroomMb"));
  const ownHeadroom = server.hasOwnHeadroom ? server.memoryHeadroomMb : null;
  if (headroom !== ownHeadroom) changes.memoryHeadroomMb = headroom;
  if (!isAdministrator) return changes;
  note("swapMb", Number(text("swapMb")));
  note("ioWeight", optionalNumber(text("ioWeight")));
  note("cpuPinning", text("cpuPinning") || null);
  return changes;
}
