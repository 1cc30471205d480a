import type { ReactNode } from "react";
import { cn } from "./ui/class-names.ts";

/** How much of something is taken. Turns to warning past 80 % and to danger past 95 %. */
export function Meter({ label, value, max, text }: { label: string; value: number; max: number; text: ReactNode }) {
  const share = max > 0 ? Math.min(1, value / max) : 0;
  return (
    <div className="min-w-0">
      <div className="mb-1.5 flex items-baseline justify-between gap-2 text-xs">
        <span className="text-subtle">{label}</span>
        <span className="whitespace-nowrap tabular-nums">{text}</span>
      </div>
      {/* A native meter cannot be styled alike in all browsers. */}
      {/* biome-ignore lint/a11y/useSemanticElements: see above */}
      <div
        role="meter"
        aria-label={label}
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={Math.round(share * 100)}
        className="h-1.5 overflow-hidden rounded-full bg-muted"
      >
        <div
          className={cn(
            "h-full rounded-full transition-[width] duration-500",
            share > 0.95 ? "bg-danger" : share > 0.8 ? "bg-warning" : "bg-accent",
          )}
          style={{ width: `${share * 100}%` }}
        />
      </div>
    </div>
  );
}
