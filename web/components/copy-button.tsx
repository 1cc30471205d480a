import { Check, Copy } from "lucide-react";
import { useEffect, useState } from "react";
import { toast } from "sonner";
import { Button } from "./ui/button.tsx";
import { cn } from "./ui/class-names.ts";

const CONFIRMATION_MS = 1_600;

/** Copies text; the clipboard API exists only on https and localhost, so a selection stands in for it elsewhere. */
export async function copyText(text: string): Promise<void> {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const holder = document.createElement("textarea");
  holder.value = text;
  holder.className = "fixed top-0 opacity-0";
  document.body.append(holder);
  holder.select();
  const copied = document.execCommand("copy");
  holder.remove();
  if (!copied) throw new Error("the browser refused to copy");
}

function useCopy(text: string): { copied: boolean; copy: () => void } {
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return;
    const timer = setTimeout(() => setCopied(false), CONFIRMATION_MS);
    return () => clearTimeout(timer);
  }, [copied]);
  const copy = () =>
    void copyText(text).then(
      () => setCopied(true),
      () => toast.error("The browser refused to copy. Select the text and copy it by hand."),
    );
  return { copied, copy };
}

export function CopyButton({ text, label, className }: { text: string; label: string; className?: string }) {
  const { copied, copy } = useCopy(text);
  return (
    <Button variant="ghost" size="icon-small" aria-label={label} title={label} onClick={copy} className={className}>
      {copied ? <Check className="text-success" /> : <Copy />}
      <span aria-live="polite" className="sr-only">
        {copied ? "Copied" : ""}
      </span>
    </Button>
  );
}

/** Short text that is copied by a click on itself. */
export function CopyChip({ text, label, className }: { text: string; label: string; className?: string }) {
  const { copied, copy } = useCopy(text);
  return (
    <button
      type="button"
      onClick={copy}
      aria-label={label}
      title={label}
      className={cn(
        "group inline-flex max-w-full items-center gap-1.5 rounded-md font-mono text-[13px] text-subtle hover:text-foreground",
        className,
      )}
    >
      <span className="truncate">{text}</span>
      {copied ? (
        <Check className="size-3.5 shrink-0 text-success" aria-hidden />
      ) : (
        <Copy className="size-3.5 shrink-0 opacity-60 group-hover:opacity-100" aria-hidden />
      )}
      <span aria-live="polite" className="sr-only">
        {copied ? "Copied" : ""}
      </span>
    </button>
  );
}

/** A command or secret to take along, in full. */
export function CopyBlock({ text, label }: { text: string; label: string }) {
  return (
    <div className="flex items-start gap-1 rounded-lg border bg-muted p-1.5 pl-3">
      <code className="min-w-0 flex-1 self-center whitespace-pre-wrap break-all py-1 font-mono text-[13px] leading-5">
        {text}
      </code>
      <CopyButton text={text} label={label} />
    </div>
  );
}
