import { type FormEvent, useState } from "react";
import { toast } from "sonner";
import type { Role, UserRecord } from "../../../protocol/api/users.ts";
import { can, useMe } from "../../api/account.ts";
import { useRoles, useUpdateUser } from "../../api/administration.ts";
import { FailureNotice } from "../../components/failure-notice.tsx";
import { Button } from "../../components/ui/button.tsx";
import { Checkbox } from "../../components/ui/checkbox.tsx";
import { Dialog, DialogActions } from "../../components/ui/dialog.tsx";
import { Skeleton } from "../../components/ui/skeleton.tsx";

/** Gives a user roles and takes them away. */
export function RolesDialog({
  user,
  open,
  onOpenChange,
}: {
  user: UserRecord;
  open: boolean;
  onOpenChange: (open: boolean) => void;
}) {
  return (
    <Dialog
      open={open}
      onOpenChange={onOpenChange}
      title={`Roles of ${user.username}`}
      description="What they may do everywhere. It holds at once."
    >
      <RolesForm user={user} onDone={() => onOpenChange(false)} />
    </Dialog>
  );
}

function roleWords(role: Role): string {
  if (role.permissions.includes("*")) return "Everything, everywhere.";
  if (role.permissions.length === 0) return "Nothing besides what owners grant.";
  return role.permissions.join(", ");
}

function RolesForm({ user, onDone }: { user: UserRecord; onDone: () => void }) {
  const me = useMe().data;
  const roles = useRoles();
  const update = useUpdateUser();
  const [held, setHeld] = useState<readonly string[]>(user.roleIds);
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    update.mutate(
      { id: user.id, roleIds: [...held] },
      {
        onSuccess: () => {
          toast.success(`The roles of ${user.username} were changed`);
          onDone();
        },
      },
    );
  };
  return (
    <form onSubmit={submit}>
      {update.isError && <FailureNotice error={update.error} className="mb-4" />}
      {roles.isError && !roles.data && <FailureNotice error={roles.error} onRetry={() => void roles.refetch()} />}
      {roles.isPending && <Skeleton className="h-24 w-full" />}
      <div className="-mx-2 flex flex-col gap-1">
        {roles.data?.items.map((role) => (
          <Checkbox
            key={role.id}
            checked={held.includes(role.id)}
            // Nobody hands out more than they hold themselves.
            disabled={!role.permissions.every((permission) => can(me, permission))}
            hint={<span className="line-clamp-2">{roleWords(role)}</span>}
            onChange={(event) =>
              setHeld(event.target.checked ? [...held, role.id] : held.filter((id) => id !== role.id))
            }
          >
            {role.name}
          </Checkbox>
        ))}
      </div>
      <DialogActions>
        <Button onClick={onDone}>Cancel</Button>
        <Button type="submit" variant="primary" busy={update.isPending} disabled={!roles.data}>
          Save
        </Button>
      </DialogActions>
    </form>
  );
}
