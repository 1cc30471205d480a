import type { LucideIcon } from "lucide-react";
import type { ReactNode } from "react";

/** Says what belongs here and how to get it. */
export function EmptyState({
  icon: Icon,
  title,
  children,
  action,
}: {
  icon: LucideIcon;
  title: string;
  children: ReactNode;
  action?: ReactNode;
}) {
  return (
    <div className="flex flex-col items-center px-6 py-14 text-center">
      <div className="mb-4 grid size-12 place-items-center rounded-xl border bg-raised text-subtle shadow-card">
        <Icon className="size-5.5" aria-hidden />
      </div>
      <h2 className="font-semibold text-base">{title}</h2>
      <p className="mt-1 max-w-md text-pretty text-sm text-subtle">{children}</p>
      {action && <div className="mt-5 flex flex-wrap justify-center gap-2">{action}</div>}
    </div>
  );
}
