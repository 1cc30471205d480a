import { type FormEvent, useState } from "react";
import { toast } from "sonner";
import type { Grant } from "../../../../protocol/api/access.ts";
import type { ServerDetail } from "../../../../protocol/api/servers.ts";
import { useCreateGrant, useUpdateGrant } from "../../../api/access.ts";
import { toApiError } from "../../../api/api-error.ts";
import { allows } from "../../../api/servers.ts";
import { FailureNotice } from "../../../components/failure-notice.tsx";
import { formText } from "../../../components/form-text.ts";
import { Button } from "../../../components/ui/button.tsx";
import { Dialog, DialogActions } from "../../../components/ui/dialog.tsx";
import { Field } from "../../../components/ui/field.tsx";
import { Input } from "../../../components/ui/input.tsx";
import { ALWAYS, PRESETS } from "./permission-groups.ts";
import { PermissionPicker } from "./permission-picker.tsx";

interface GrantDialogProps {
  server: ServerDetail;
  /** The grant to change; null makes a new one. */
  grant: Grant | null;
  open: boolean;
  onOpenChange: (open: boolean) => void;
}

/** Gives somebody access, or changes what they have. */
export function GrantDialog({ server, grant, open, onOpenChange }: GrantDialogProps) {
  return (
    <Dialog
      open={open}
      onOpenChange={onOpenChange}
      title={grant ? `What ${grant.username} may do` : "Give access"}
      description={
        grant
          ? "It holds at once; their open pages connect again with it."
          : "They need an account here, and find the server in their list at once."
      }
      className="max-w-2xl"
    >
      <GrantForm server={server} grant={grant} onDone={() => onOpenChange(false)} />
    </Dialog>
  );
}

function GrantForm({ server, grant, onDone }: { server: ServerDetail; grant: Grant | null; onDone: () => void }) {
  const create = useCreateGrant(server.id);
  const update = useUpdateGrant(server.id);
  const [permissions, setPermissions] = useState<string[]>(() => grant?.permissions ?? [...PRESETS[0]!.permissions]);
  const saving = grant ? update : create;
  const failure = saving.isError ? toApiError(saving.error) : null;
  const isUnknown = !grant && failure?.code === "NOT_FOUND";
  const emailError = isUnknown
    ? "Nobody with this address has an account here. Ask them to register first."
    : failure?.details.find((detail) => detail.path === "email" || detail.path === "userId")?.message;
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const chosen = [...new Set([ALWAYS, ...permissions])];
    const email = formText(new FormData(event.currentTarget))("email");
    const onSuccess = () => {
      toast.success(grant ? `The access of ${grant.username} was changed` : `${email} has access now`);
      onDone();
    };
    if (grant) update.mutate({ userId: grant.userId, permissions: chosen }, { onSuccess });
    else create.mutate({ email, permissions: chosen }, { onSuccess });
  };
  return (
    <form onSubmit={submit} className="flex flex-col gap-4">
      {failure && !emailError && <FailureNotice error={failure} />}
      {!grant && (
        <Field label="E-mail" error={emailError}>
          <Input
            name="email"
            type="email"
            required
            autoComplete="off"
            placeholder="friend@example.com"
            onChange={() => create.isError && create.reset()}
          />
        </Field>
      )}
      <PermissionPicker
        value={permissions}
        onChange={setPermissions}
        mayGive={(permission) => allows(server, permission)}
      />
      <DialogActions>
        <Button onClick={onDone}>Cancel</Button>
        <Button type="submit" variant="primary" busy={saving.isPending}>
          {grant ? "Save" : "Give access"}
        </Button>
      </DialogActions>
    </form>
  );
}
