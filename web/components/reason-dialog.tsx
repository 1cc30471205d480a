import { type FormEvent, type ReactNode, useState } from "react";
import { Button } from "./ui/button.tsx";
import { Dialog, DialogActions } from "./ui/dialog.tsx";
import { Field } from "./ui/field.tsx";
import { Textarea } from "./ui/input.tsx";

const REASON_MAX = 500;

interface ReasonDialogProps {
  open: boolean;
  onOpenChange: (open: boolean) => void;
  title: string;
  /** What will happen. */
  description: ReactNode;
  /** Who reads the reason. */
  hint: string;
  placeholder: string;
  confirmLabel: string;
  busy: boolean;
  onConfirm: (reason: string | undefined) => void;
}

/** Asks before something that others will want explained, and for the explanation. */
export function ReasonDialog({ open, onOpenChange, title, description, ...form }: ReasonDialogProps) {
  return (
    <Dialog open={open} onOpenChange={onOpenChange} title={title} description={description}>
      <ReasonForm {...form} onCancel={() => onOpenChange(false)} />
    </Dialog>
  );
}

function ReasonForm({
  hint,
  placeholder,
  confirmLabel,
  busy,
  onConfirm,
  onCancel,
}: Pick<ReasonDialogProps, "hint" | "placeholder" | "confirmLabel" | "busy" | "onConfirm"> & { onCancel: () => void }) {
  const [reason, setReason] = useState("");
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    onConfirm(reason.trim() || undefined);
  };
  return (
    <form onSubmit={submit}>
      <Field label="Reason" optional hint={hint}>
        <Textarea
          value={reason}
          maxLength={REASON_MAX}
          placeholder={placeholder}
          onChange={(event) => setReason(event.target.value)}
        />
      </Field>
      <DialogActions>
        <Button onClick={onCancel}>Cancel</Button>
        <Button type="submit" variant="danger" busy={busy}>
          {confirmLabel}
        </Button>
      </DialogActions>
    </form>
  );
}
