import {
  Boxes,
  ChevronsUpDown,
  LogOut,
  type LucideIcon,
  Menu as MenuIcon,
  Monitor,
  Moon,
  Network,
  ScrollText,
  Server,
  Sun,
  UserRound,
  Users,
  X,
} from "lucide-react";
import { type ReactNode, Suspense, useState } from "react";
import { Link, NavLink, Outlet, useNavigate } from "react-router";
import type { User } from "../../protocol/api/auth.ts";
import { can, useSignOut } from "../api/account.ts";
import { setTheme, type ThemeChoice, useTheme } from "../theme/theme.ts";
import { Logo } from "./logo.tsx";
import { Button } from "./ui/button.tsx";
import { cn } from "./ui/class-names.ts";
import { Drawer } from "./ui/dialog.tsx";
import { Menu, MenuChoice, MenuItem, MenuLabel, MenuSeparator } from "./ui/menu.tsx";
import { Skeleton } from "./ui/skeleton.tsx";

interface Destination {
  to: string;
  label: string;
  icon: LucideIcon;
  end?: boolean;
  permission?: string;
}

const DESTINATIONS: Destination[] = [
  { to: "/", label: "Servers", icon: Server, end: true },
  { to: "/nodes", label: "Nodes", icon: Network, permission: "node.read" },
  { to: "/templates", label: "Templates", icon: Boxes },
];
const ADMINISTRATION: Destination[] = [
  { to: "/users", label: "Users", icon: Users, permission: "user.read" },
  { to: "/audit", label: "Audit log", icon: ScrollText, permission: "audit.read" },
];

function Destinations({ user, items, onNavigate }: { user: User; items: Destination[]; onNavigate: () => void }) {
  return items
    .filter((item) => !item.permission || can(user, item.permission))
    .map(({ to, label, icon: Icon, end }) => (
      <NavLink
        key={to}
        to={to}
        end={end ?? false}
        onClick={onNavigate}
        className={({ isActive }) =>
          cn(
            "flex items-center gap-3 rounded-lg px-3 py-2 font-medium text-sm text-subtle transition-colors hover:bg-muted hover:text-foreground max-lg:py-2.5",
            isActive && "bg-accent-soft text-accent-text hover:bg-accent-soft hover:text-accent-text",
          )
        }
      >
        <Icon className="size-4.5" aria-hidden />
        {label}
      </NavLink>
    ));
}

const THEMES: { value: ThemeChoice; label: ReactNode }[] = [
  {
    value: "system",
    label: (
      <>
        <Monitor aria-hidden /> Like the system
      </>
    ),
  },
  {
    value: "light",
    label: (
      <>
        <Sun aria-hidden /> Light
      </>
    ),
  },
  {
    value: "dark",
    label: (
      <>
        <Moon aria-hidden /> Dark
      </>
    ),
  },
];

function AccountMenu({ user, onNavigate }: { user: User; onNavigate: () => void }) {
  const { choice } = useTheme();
  const signOut = useSignOut();
  const navigate = useNavigate();
  return (
    <Menu
      side="top"
      align="start"
      trigger={
        <button
          type="button"
          aria-label={`Account of ${user.username}`}
          className="flex w-full items-center gap-3 rounded-lg px-2 py-2 text-left hover:bg-muted"
        >
          <span
            aria-hidden
            className="grid size-8 shrink-0 place-items-center rounded-full bg-accent-soft font-semibold text-accent-text text-sm uppercase"
          >
            {user.username.slice(0, 1)}
          </span>
          <span className="min-w-0 flex-1">
            <span className="block truncate font-medium text-sm">{user.username}</span>
            <span className="block truncate text-subtle text-xs">{user.email}</span>
          </span>
          <ChevronsUpDown className="size-4 shrink-0 text-faint" aria-hidden />
        </button>
      }
    >
      <MenuItem
        onSelect={() => {
          onNavigate();
          void navigate("/account");
        }}
      >
        <UserRound aria-hidden /> Account
      </MenuItem>
      <MenuSeparator />
      <MenuLabel>Appearance</MenuLabel>
      <MenuChoice value={choice} onValueChange={(value) => setTheme(value as ThemeChoice)} options={THEMES} />
      <MenuSeparator />
      <MenuItem onSelect={() => signOut.mutate()}>
        <LogOut aria-hidden /> Sign out
      </MenuItem>
    </Menu>
  );
}

function Navigation({ user, onNavigate }: { user: User; onNavigate: () => void }) {
  const administers = ADMINISTRATION.some((item) => item.permission && can(user, item.permission));
  return (
    <>
      <nav aria-label="Main" className="flex flex-1 flex-col gap-0.5 overflow-y-auto px-3 py-2">
        <Destinations user={user} items={DESTINATIONS} onNavigate={onNavigate} />
        {administers && <p className="px-3 pt-5 pb-1.5 font-medium text-faint text-xs">Administration</p>}
        <Destinations user={user} items={ADMINISTRATION} onNavigate={onNavigate} />
      </nav>
      <div className="border-t p-2">
        <AccountMenu user={user} onNavigate={onNavigate} />
      </div>
    </>
  );
}

/** Navigation beside every page; on a phone it waits behind a button. */
export function AppShell({ user }: { user: User }) {
  const [drawerOpen, setDrawerOpen] = useState(false);
  return (
    <div className="flex min-h-dvh">
      <a
        href="#content"
        className="-translate-y-20 fixed top-2 left-2 z-[80] rounded-lg bg-accent px-4 py-2 font-medium text-on-accent focus:translate-y-0"
      >
        Skip to content
      </a>
      <aside className="sticky top-0 flex h-dvh w-60 shrink-0 flex-col border-r bg-surface max-lg:hidden">
        <Link to="/" className="mx-3 mt-4 mb-2 rounded-lg px-3 py-1.5">
          <Logo />
        </Link>
        <Navigation user={user} onNavigate={() => {}} />
      </aside>
      <div className="flex min-w-0 flex-1 flex-col">
        <header className="sticky top-0 z-30 flex h-14 items-center gap-2 border-b bg-surface/90 px-2 backdrop-blur lg:hidden">
          <Button variant="ghost" size="icon" aria-label="Open navigation" onClick={() => setDrawerOpen(true)}>
            <MenuIcon className="size-5!" />
          </Button>
          <Link to="/" className="rounded-lg py-1">
            <Logo />
          </Link>
        </header>
        <Drawer open={drawerOpen} onOpenChange={setDrawerOpen} title="Navigation">
          <div className="flex h-14 items-center justify-between pr-2 pl-5">
            <Logo />
            <Button variant="ghost" size="icon" aria-label="Close navigation" onClick={() => setDrawerOpen(false)}>
              <X />
            </Button>
          </div>
          <Navigation user={user} onNavigate={() => setDrawerOpen(false)} />
        </Drawer>
        <main id="content" tabIndex={-1} className="flex min-w-0 flex-1 flex-col outline-none">
          <Suspense fallback={<PageSkeleton />}>
            <Outlet />
          </Suspense>
        </main>
      </div>
    </div>
  );
}

function PageSkeleton() {
  return (
    <div className="mx-auto w-full max-w-6xl px-4 py-6 sm:px-6 lg:px-8 lg:py-8">
      <Skeleton className="mb-8 h-8 w-48" />
      <Skeleton className="h-64 w-full rounded-xl" />
    </div>
  );
}
