import { type ReactNode, useEffect } from "react";
import { cn } from "./ui/class-names.ts";

/** Names the tab of the browser. */
export function useTitle(title: string): void {
  useEffect(() => {
    document.title = `${title} · Catalyst`;
  }, [title]);
}

/** A page's frame: width, heading, and the actions that belong to the whole of it. */
export function Page({
  title,
  description,
  actions,
  narrow,
  children,
}: {
  title: string;
  description?: ReactNode;
  actions?: ReactNode;
  narrow?: boolean;
  children: ReactNode;
}) {
  useTitle(title);
  return (
    <div className={cn("mx-auto w-full px-4 py-6 sm:px-6 lg:px-8 lg:py-8", narrow ? "max-w-3xl" : "max-w-6xl")}>
      <header className="mb-6 flex flex-wrap items-center justify-between gap-x-4 gap-y-3">
        <div className="min-w-0">
          <h1 className="wrap-anywhere text-balance font-semibold text-[22px] leading-8 tracking-[-0.015em]">
            {title}
          </h1>
          {description && <p className="mt-0.5 text-pretty text-sm text-subtle">{description}</p>}
        </div>
        {actions && <div className="flex flex-wrap items-center gap-2">{actions}</div>}
      </header>
      {children}
    </div>
  );
}
