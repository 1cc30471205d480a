import { CircleAlert } from "lucide-react";
import { toast } from "sonner";
import { toApiError } from "../api/api-error.ts";
import { Button } from "./ui/button.tsx";
import { cn } from "./ui/class-names.ts";

/** The failure in words with its request id, which the log of the control plane knows. */
export function failureText(error: unknown): { title: string; description?: string } {
  const failure = toApiError(error);
  const wait = failure.retryAfterSeconds ? ` Try again in ${failure.retryAfterSeconds} s.` : "";
  const title = `${failure.message}${wait}`;
  return failure.requestId ? { title, description: `Request ${failure.requestId}` } : { title };
}

/** Shows a failed action in passing. */
export function toastFailure(error: unknown): void {
  const { title, description } = failureText(error);
  toast.error(title, description ? { description } : undefined);
}

/** A failure in place of what could not be shown, with a way to try again. */
export function FailureNotice({
  error,
  onRetry,
  className,
}: {
  error: unknown;
  onRetry?: () => void;
  className?: string;
}) {
  const { title, description } = failureText(error);
  return (
    <div
      role="alert"
      className={cn("flex items-start gap-3 rounded-xl border border-danger/25 bg-danger-soft px-4 py-3.5", className)}
    >
      <CircleAlert className="mt-0.5 size-4 shrink-0 text-danger" aria-hidden />
      <div className="min-w-0 flex-1">
        <p className="text-pretty font-medium text-sm">{title}</p>
        {description && <p className="mt-0.5 break-all font-mono text-subtle text-xs">{description}</p>}
      </div>
      {onRetry && (
        <Button size="small" onClick={onRetry}>
          Try again
        </Button>
      )}
    </div>
  );
}
