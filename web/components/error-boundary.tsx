import { Component, type ReactNode } from "react";
import { Logo } from "./logo.tsx";
import { Button } from "./ui/button.tsx";

/** Keeps a defect of one page from leaving a blank window behind. */
export class ErrorBoundary extends Component<{ children: ReactNode }, { failed: boolean }> {
  override state = { failed: false };

  static getDerivedStateFromError(): { failed: boolean } {
    return { failed: true };
  }

  override render(): ReactNode {
    if (!this.state.failed) return this.props.children;
    return (
      <main role="alert" className="mx-auto grid min-h-dvh max-w-md place-content-center gap-5 px-6">
        <Logo />
        <h1 className="font-semibold text-xl">The panel ran into a defect</h1>
        <p className="text-sm text-subtle">
          Your game servers are not touched by this. Reloading the page usually helps; if it does not, please report
          what you did.
        </p>
        <Button variant="primary" className="justify-self-start" onClick={() => location.reload()}>
          Reload the page
        </Button>
      </main>
    );
  }
}
