import type { ComponentProps, ReactNode } from "react";
import { cn } from "./class-names.ts";

/** A checkbox with its words; the whole line is the target. */
export function Checkbox({
  children,
  hint,
  className,
  disabled,
  ...rest
}: Omit<ComponentProps<"input">, "type"> & { children: ReactNode; hint?: ReactNode }) {
  return (
    <label
      className={cn(
        "flex cursor-pointer items-start gap-2.5 rounded-md px-2 py-1.5 text-sm hover:bg-muted has-disabled:cursor-not-allowed has-disabled:opacity-50",
        className,
      )}
    >
      <input type="checkbox" className="mt-0.5 size-4 shrink-0 accent-accent" disabled={disabled} {...rest} />
      <span className="min-w-0">
        {children}
        {hint && <span className="block text-subtle text-xs">{hint}</span>}
      </span>
    </label>
  );
}
