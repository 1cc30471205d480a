import { type ReactNode, useEffect, useRef } from "react";
import { NavLink, useLocation } from "react-router";
import { cn } from "./class-names.ts";

/** Sections of a page, each with an address of its own, so that a reload or a shared link opens the same one. */
export function TabLinks({
  tabs,
  label,
}: {
  tabs: { to: string; end?: boolean; children: ReactNode }[];
  label: string;
}) {
  const nav = useRef<HTMLElement>(null);
  const { pathname } = useLocation();
  // On a narrow screen the row scrolls: the section that is open is always in sight.
  // biome-ignore lint/correctness/useExhaustiveDependencies: the address is what says which one is open
  useEffect(() => {
    nav.current?.querySelector("[aria-current=page]")?.scrollIntoView({ inline: "center", block: "nearest" });
  }, [pathname]);
  return (
    <nav ref={nav} aria-label={label} className="-mb-px flex gap-1 overflow-x-auto">
      {tabs.map((tab) => (
        <NavLink
          key={tab.to}
          to={tab.to}
          end={tab.end ?? false}
          className={({ isActive }) =>
            cn(
              "flex items-center gap-2 whitespace-nowrap border-transparent border-b-2 px-3 py-2.5 font-medium text-sm text-subtle -outline-offset-2 hover:text-foreground [&_svg]:size-4",
              isActive && "border-accent text-foreground",
            )
          }
        >
          {tab.children}
        </NavLink>
      ))}
    </nav>
  );
}
