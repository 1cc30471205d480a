import type { ComponentProps } from "react";
import { cn } from "./class-names.ts";

export const inputStyle =
  "w-full min-w-0 rounded-lg border border-input bg-surface px-3 text-sm text-foreground shadow-card transition-colors placeholder:text-faint focus-visible:border-accent focus-visible:outline-2 focus-visible:outline-offset-0 focus-visible:outline-accent/35 disabled:cursor-not-allowed disabled:opacity-60 aria-invalid:border-danger aria-invalid:focus-visible:outline-danger/30";

/** Text size 16 px on phones: below it, iOS zooms into a focused field. */
export function Input({ className, ...rest }: ComponentProps<"input">) {
  return <input className={cn(inputStyle, "h-9 max-sm:text-base", className)} {...rest} />;
}

export function Textarea({ className, ...rest }: ComponentProps<"textarea">) {
  return <textarea className={cn(inputStyle, "min-h-20 py-2 max-sm:text-base", className)} {...rest} />;
}
