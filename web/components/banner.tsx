import type { LucideIcon } from "lucide-react";
import type { ReactNode } from "react";
import { cn } from "./ui/class-names.ts";

/** Something that a page must say before anything else: what it is, in words below why, and what can be done. */
export function Banner({
  icon: Icon,
  title,
  children,
  actions,
  className,
}: {
  icon: LucideIcon;
  title: ReactNode;
  children?: ReactNode;
  actions?: ReactNode;
  className?: string;
}) {
  return (
    <section
      role="status"
      className={cn(
        "flex flex-wrap items-start gap-x-4 gap-y-3 rounded-xl border border-warning/25 bg-warning-soft px-4 py-3 text-sm",
        className,
      )}
    >
      <Icon className="mt-0.5 size-4 shrink-0 text-warning" aria-hidden />
      <div className="min-w-0 flex-1 basis-56">
        <p className="font-medium">{title}</p>
        {children && <div className="mt-0.5 text-pretty text-[13px] text-subtle">{children}</div>}
      </div>
      {actions && <div className="flex gap-2 max-sm:pl-8">{actions}</div>}
    </section>
  );
}
