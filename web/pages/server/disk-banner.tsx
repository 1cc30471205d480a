import { HardDrive } from "lucide-react";
import type { ResourceStats } from "../../../protocol/frames/shared.ts";
import { cn } from "../../components/ui/class-names.ts";
import { diskTrouble } from "./disk-words.ts";

const TONES = { danger: "bg-danger-soft text-danger", warning: "bg-warning-soft text-warning" } as const;

/** On every section of the page while the server's disk is nearly full or full, whether it runs or not. */
export function DiskBanner({ stats }: { stats: ResourceStats | undefined }) {
  const trouble = stats && diskTrouble(stats);
  if (!trouble) return null;
  return (
    <p
      role="status"
      className={cn("mt-3 flex items-start gap-2.5 rounded-lg px-3 py-2 text-[13px]", TONES[trouble.tone])}
    >
      <HardDrive className="mt-0.5 size-3.5 shrink-0" aria-hidden />
      <span className="min-w-0 text-pretty">{trouble.text}</span>
    </p>
  );
}
