import { QueryClientProvider, useQueryClient } from "@tanstack/react-query";
import { Compass } from "lucide-react";
import { lazy, useEffect } from "react";
import { BrowserRouter, Link, Navigate, Route, Routes, useLocation } from "react-router";
import { Toaster } from "sonner";
import { useMe } from "./api/account.ts";
import { setUnauthenticatedHandler } from "./api/client.ts";
import { queryClient } from "./api/query-client.ts";
import { AppShell } from "./components/app-shell.tsx";
import { EmptyState } from "./components/empty-state.tsx";
import { ErrorBoundary } from "./components/error-boundary.tsx";
import { FailureNotice } from "./components/failure-notice.tsx";
import { Logo } from "./components/logo.tsx";
import { useTitle } from "./components/page.tsx";
import { Button } from "./components/ui/button.tsx";
import { TooltipProvider } from "./components/ui/tooltip.tsx";
import { DashboardPage } from "./pages/dashboard/dashboard-page.tsx";
import { SignInPage } from "./pages/sign-in/sign-in-page.tsx";
import { useTheme } from "./theme/theme.ts";

const CreateServerPage = lazy(() => import("./pages/create-server/create-server-page.tsx"));
const ServerPage = lazy(() => import("./pages/server/server-page.tsx"));
const NodesPage = lazy(() => import("./pages/nodes/nodes-page.tsx"));
const NodePage = lazy(() => import("./pages/nodes/node-page.tsx"));
const TemplatesPage = lazy(() => import("./pages/templates/templates-page.tsx"));
const AccountPage = lazy(() => import("./pages/account/account-page.tsx"));
const UsersPage = lazy(() => import("./pages/users/users-page.tsx"));
const AuditPage = lazy(() => import("./pages/audit/audit-page.tsx"));

function NotFoundPage() {
  useTitle("Not found");
  return (
    <EmptyState
      icon={Compass}
      title="There is no such page"
      action={
        <Button asChild>
          <Link to="/">Go to your servers</Link>
        </Button>
      }
    >
      The address may be mistyped, or what it showed may have been deleted.
    </EmptyState>
  );
}

/** Pages for whoever is signed in; everybody else is asked to, and comes back to where they wanted to go. */
function SignedIn() {
  const me = useMe();
  const location = useLocation();
  if (me.isPending) {
    return (
      <div className="grid min-h-dvh place-items-center">
        <div className="animate-pulse">
          <Logo />
        </div>
      </div>
    );
  }
  if (me.isError) {
    return (
      <div className="mx-auto grid min-h-dvh max-w-md place-content-center gap-6 px-4">
        <Logo />
        <FailureNotice error={me.error} onRetry={() => void me.refetch()} />
      </div>
    );
  }
  if (!me.data) {
    return <Navigate to="/sign-in" replace state={{ from: `${location.pathname}${location.search}` }} />;
  }
  return <AppShell user={me.data} />;
}

function Pages() {
  const queries = useQueryClient();
  const { isDark } = useTheme();
  useEffect(() => setUnauthenticatedHandler(() => queries.setQueryData(["me"], null)), [queries]);
  return (
    <>
      <Routes>
        <Route path="/sign-in" element={<SignInPage />} />
        <Route element={<SignedIn />}>
          <Route index element={<DashboardPage />} />
          <Route path="servers" element={<Navigate to="/" replace />} />
          <Route path="servers/new" element={<CreateServerPage />} />
          <Route path="servers/:serverId/*" element={<ServerPage />} />
          <Route path="nodes" element={<NodesPage />} />
          <Route path="nodes/:nodeId" element={<NodePage />} />
          <Route path="templates" element={<TemplatesPage />} />
          <Route path="account" element={<AccountPage />} />
          <Route path="users" element={<UsersPage />} />
          <Route path="audit" element={<AuditPage />} />
          <Route path="*" element={<NotFoundPage />} />
        </Route>
      </Routes>
      <Toaster
        theme={isDark ? "dark" : "light"}
        position="top-center"
        closeButton
        toastOptions={{ className: "font-sans!" }}
      />
    </>
  );
}

export function App() {
  return (
    <QueryClientProvider client={queryClient}>
      <ErrorBoundary>
        <TooltipProvider delayDuration={250}>
          <BrowserRouter>
            <Pages />
          </BrowserRouter>
        </TooltipProvider>
      </ErrorBoundary>
    </QueryClientProvider>
  );
}
