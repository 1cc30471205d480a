import { X } from "lucide-react";
import { AlertDialog, Dialog as RadixDialog } from "radix-ui";
import { type ReactNode, useRef } from "react";
import { Button } from "./button.tsx";
import { cn } from "./class-names.ts";

const overlayStyle =
  "fixed inset-0 z-40 bg-black/45 backdrop-blur-[2px] data-[state=closed]:animate-out data-[state=open]:animate-in data-[state=closed]:fade-out-0 data-[state=open]:fade-in-0";
const panelStyle =
  "fixed inset-x-4 top-1/2 z-50 mx-auto max-h-[min(90dvh,52rem)] max-w-lg -translate-y-1/2 overflow-y-auto rounded-2xl border bg-raised shadow-popover data-[state=closed]:animate-out data-[state=open]:animate-in data-[state=closed]:fade-out-0 data-[state=open]:fade-in-0 data-[state=closed]:zoom-out-98 data-[state=open]:zoom-in-98";

/**
 * Focus goes back to what had it when the window opened. The library knows only buttons that are part of the window's own
 * tree; where what opened it is gone, as a row that was deleted, the page's content gets it.
 */
function useFocusReturn() {
  const opener = useRef<Element | null>(null);
  return {
    onOpenAutoFocus: () => {
      opener.current = document.activeElement;
    },
    onCloseAutoFocus: (event: Event) => {
      event.preventDefault();
      const target = opener.current?.isConnected ? opener.current : document.getElementById("content");
      if (target instanceof HTMLElement) target.focus({ preventScroll: true });
    },
  };
}

interface DialogProps {
  open: boolean;
  onOpenChange: (open: boolean) => void;
  title: string;
  description?: ReactNode;
  children: ReactNode;
  className?: string;
}

/** A modal window; Esc and the cross close it, and focus returns to what opened it. */
export function Dialog({ open, onOpenChange, title, description, children, className }: DialogProps) {
  const focusReturn = useFocusReturn();
  return (
    <RadixDialog.Root open={open} onOpenChange={onOpenChange}>
      <RadixDialog.Portal>
        <RadixDialog.Overlay className={overlayStyle} />
        <RadixDialog.Content
          className={cn(panelStyle, className)}
          {...focusReturn}
          {...(description ? {} : { "aria-describedby": undefined })}
        >
          <div className="px-6 pt-5 pr-14 pb-4">
            <RadixDialog.Title className="wrap-anywhere font-semibold text-base">{title}</RadixDialog.Title>
            {description && (
              <RadixDialog.Description className="mt-1 text-[13px] text-subtle">{description}</RadixDialog.Description>
            )}
          </div>
          <div className="px-6 pb-6">{children}</div>
          {/* Last, so that focus starts on the first field. */}
          <RadixDialog.Close asChild>
            <Button variant="ghost" size="icon-small" aria-label="Close" className="absolute top-4 right-4">
              <X />
            </Button>
          </RadixDialog.Close>
        </RadixDialog.Content>
      </RadixDialog.Portal>
    </RadixDialog.Root>
  );
}

export function DialogActions({ children }: { children: ReactNode }) {
  return <div className="mt-6 flex flex-wrap justify-end gap-2 max-sm:[&>*]:flex-1">{children}</div>;
}

interface ConfirmDialogProps {
  open: boolean;
  onOpenChange: (open: boolean) => void;
  title: string;
  children: ReactNode;
  confirmLabel: string;
  onConfirm: () => void;
  busy?: boolean;
  disabled?: boolean;
  /** `primary` for what harms nothing. */
  variant?: "danger" | "primary";
}

/** Asks before something that cannot be taken back, or interrupts. Focus starts on the harmless answer. */
export function ConfirmDialog(props: ConfirmDialogProps) {
  const focusReturn = useFocusReturn();
  return (
    <AlertDialog.Root open={props.open} onOpenChange={props.onOpenChange}>
      <AlertDialog.Portal>
        <AlertDialog.Overlay className={overlayStyle} />
        <AlertDialog.Content className={cn(panelStyle, "max-w-md")} {...focusReturn}>
          <div className="p-6">
            <AlertDialog.Title className="wrap-anywhere font-semibold text-base">{props.title}</AlertDialog.Title>
            <AlertDialog.Description asChild>
              <div className="wrap-anywhere mt-2 space-y-3 text-sm text-subtle">{props.children}</div>
            </AlertDialog.Description>
            <DialogActions>
              <AlertDialog.Cancel asChild>
                <Button>Cancel</Button>
              </AlertDialog.Cancel>
              <Button
                variant={props.variant ?? "danger"}
                busy={props.busy ?? false}
                disabled={props.disabled ?? false}
                onClick={props.onConfirm}
              >
                {props.confirmLabel}
              </Button>
            </DialogActions>
          </div>
        </AlertDialog.Content>
      </AlertDialog.Portal>
    </AlertDialog.Root>
  );
}

/** The dialog's mechanics at the screen's left edge: navigation on a phone. */
export function Drawer({
  open,
  onOpenChange,
  title,
  children,
}: {
  open: boolean;
  onOpenChange: (open: boolean) => void;
  title: string;
  children: ReactNode;
}) {
  const focusReturn = useFocusReturn();
  return (
    <RadixDialog.Root open={open} onOpenChange={onOpenChange}>
      <RadixDialog.Portal>
        <RadixDialog.Overlay className={overlayStyle} />
        <RadixDialog.Content
          aria-describedby={undefined}
          {...focusReturn}
          className="fixed inset-y-0 left-0 z-50 flex w-72 max-w-[85vw] flex-col border-r bg-surface shadow-popover data-[state=closed]:animate-out data-[state=open]:animate-in data-[state=closed]:slide-out-to-left data-[state=open]:slide-in-from-left"
        >
          <RadixDialog.Title className="sr-only">{title}</RadixDialog.Title>
          {children}
        </RadixDialog.Content>
      </RadixDialog.Portal>
    </RadixDialog.Root>
  );
}
