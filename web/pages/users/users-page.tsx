import { Plus, Users } from "lucide-react";
import { type FormEvent, useState } from "react";
import { toast } from "sonner";
import type { UserRecord } from "../../../protocol/api/users.ts";
import { can, useMe } from "../../api/account.ts";
import { useCreateUser, useRoles, useUpdateUser, useUsers } from "../../api/administration.ts";
import { EmptyState } from "../../components/empty-state.tsx";
import { FailureNotice, toastFailure } from "../../components/failure-notice.tsx";
import { formFailure } from "../../components/form-failure.tsx";
import { Page } from "../../components/page.tsx";
import { Pager } from "../../components/pager.tsx";
import { SearchInput } from "../../components/search-input.tsx";
import { TimeAgo } from "../../components/time-ago.tsx";
import { Badge } from "../../components/ui/badge.tsx";
import { Button } from "../../components/ui/button.tsx";
import { Card } from "../../components/ui/card.tsx";
import { cn } from "../../components/ui/class-names.ts";
import { ConfirmDialog, Dialog, DialogActions } from "../../components/ui/dialog.tsx";
import { Field } from "../../components/ui/field.tsx";
import { Input } from "../../components/ui/input.tsx";
import { Select } from "../../components/ui/select.tsx";
import { Skeleton } from "../../components/ui/skeleton.tsx";
import { Cell, HeadCell, Table } from "../../components/ui/table.tsx";
import { usePagedSearch } from "../../components/use-paged-search.ts";
import { RolesDialog } from "./roles-dialog.tsx";

export default function UsersPage() {
  const me = useMe().data;
  const { q, cursors, setCursors, field } = usePagedSearch();
  const users = useUsers({ q, cursor: cursors.at(-1) });
  const [creating, setCreating] = useState(false);
  return (
    <Page
      title="Users"
      description="Who may sign in, and in which role."
      actions={
        can(me, "user.create") && (
          <Button variant="primary" onClick={() => setCreating(true)}>
            <Plus aria-hidden /> Create user
          </Button>
        )
      }
    >
      <SearchInput label="Search users" placeholder="Search by name or e-mail" {...field} />
      {users.isError && !users.data ? (
        <FailureNotice error={users.error} onRetry={() => void users.refetch()} />
      ) : (
        <Card aria-label="Users" className="overflow-hidden">
          {users.isPending && (
            <div className="space-y-4 p-5">
              <Skeleton className="h-5 w-full" />
              <Skeleton className="h-5 w-4/5" />
            </div>
          )}
          {users.data?.items.length === 0 && (
            <EmptyState icon={Users} title="Nobody found">
              No user has “{q}” in the name or address.
            </EmptyState>
          )}
          {users.data && users.data.items.length > 0 && (
            <Table>
              <thead>
                <tr>
                  <HeadCell>User</HeadCell>
                  <HeadCell className="max-sm:hidden">Roles</HeadCell>
                  <HeadCell className="max-md:hidden">Servers</HeadCell>
                  <HeadCell className="max-md:hidden">Since</HeadCell>
                  <HeadCell>
                    <span className="sr-only">Actions</span>
                  </HeadCell>
                </tr>
              </thead>
              <tbody>
                {users.data.items.map((user) => (
                  <UserRow
                    key={user.id}
                    user={user}
                    isSelf={user.id === me?.id}
                    mayBan={can(me, "user.ban")}
                    maySetRoles={can(me, "user.set_roles")}
                  />
                ))}
              </tbody>
            </Table>
          )}
        </Card>
      )}
      <Pager cursors={cursors} nextCursor={users.data?.nextCursor ?? null} onChange={setCursors} />
      <CreateUserDialog open={creating} onOpenChange={setCreating} />
    </Page>
  );
}

interface UserRowProps {
  user: UserRecord;
  isSelf: boolean;
  mayBan: boolean;
  maySetRoles: boolean;
}

function UserRow({ user, isSelf, mayBan, maySetRoles }: UserRowProps) {
  const update = useUpdateUser();
  const [settingRoles, setSettingRoles] = useState(false);
  const [banning, setBanning] = useState(false);
  const setBanned = (isBanned: boolean) =>
    update.mutate(
      { id: user.id, isBanned },
      {
        onSuccess: () => {
          setBanning(false);
          toast.success(isBanned ? `${user.username} is banned` : `${user.username} may sign in again`);
        },
        onError: toastFailure,
      },
    );
  return (
    <tr>
      <Cell className="max-sm:w-full max-sm:pr-0">
        <span className="font-medium">{user.username}</span>
        {isSelf && <span className="ml-2 text-faint text-xs">you</span>}
        <span className="block break-all text-[13px] text-subtle">{user.email}</span>
        <Standing user={user} className="mt-1.5 sm:hidden" />
      </Cell>
      <Cell className="max-sm:hidden">
        <Standing user={user} />
      </Cell>
      <Cell className="tabular-nums max-md:hidden">{user.serverCount}</Cell>
      <Cell className="whitespace-nowrap text-subtle max-md:hidden">
        <TimeAgo at={user.createdAt} />
      </Cell>
      <Cell>
        <div className="flex justify-end gap-2 max-sm:flex-col max-sm:items-stretch">
          {maySetRoles && !isSelf && (
            <Button size="small" onClick={() => setSettingRoles(true)}>
              Roles
            </Button>
          )}
          {mayBan &&
            !isSelf &&
            (user.isBanned ? (
              <Button size="small" busy={update.isPending} onClick={() => setBanned(false)}>
                Lift ban
              </Button>
            ) : (
              <Button size="small" variant="danger-outline" onClick={() => setBanning(true)}>
                Ban
              </Button>
            ))}
        </div>
      </Cell>
      <RolesDialog user={user} open={settingRoles} onOpenChange={setSettingRoles} />
      <ConfirmDialog
        open={banning}
        onOpenChange={setBanning}
        title={`Ban ${user.username}?`}
        confirmLabel="Ban user"
        busy={update.isPending}
        onConfirm={() => setBanned(true)}
      >
        <p>All sessions and API keys of {user.username} end at once. Their servers keep running.</p>
      </ConfirmDialog>
    </tr>
  );
}

function Standing({ user, className }: { user: UserRecord; className?: string }) {
  return (
    <span className={cn("flex flex-wrap gap-1.5", className)}>
      {user.roles.map((role) => (
        <Badge key={role} tone={role === "Administrator" ? "accent" : "neutral"}>
          {role}
        </Badge>
      ))}
      {user.isBanned && <Badge tone="danger">Banned</Badge>}
    </span>
  );
}

function CreateUserDialog({ open, onOpenChange }: { open: boolean; onOpenChange: (open: boolean) => void }) {
  return (
    <Dialog open={open} onOpenChange={onOpenChange} title="Create user" description="They can sign in right away.">
      <CreateUserForm onDone={() => onOpenChange(false)} />
    </Dialog>
  );
}

function CreateUserForm({ onDone }: { onDone: () => void }) {
  const create = useCreateUser();
  const roles = useRoles().data?.items ?? [];
  const [roleId, setRoleId] = useState("");
  const { notice, errorAt } = formFailure(create.error);
  const chosen = roleId || (roles.find((role) => role.name === "User")?.id ?? "");
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    create.mutate(
      {
        email: String(form.get("email")).trim(),
        username: String(form.get("username")).trim(),
        password: String(form.get("password")),
        ...(chosen ? { roleIds: [chosen] } : {}),
      },
      {
        onSuccess: (user) => {
          toast.success(`${user.username} can sign in now`);
          onDone();
        },
      },
    );
  };
  return (
    <form onSubmit={submit} className="flex flex-col gap-4">
      {notice}
      <Field label="User name" hint="3 to 32 letters, digits, . _ or -" error={errorAt("username")}>
        <Input name="username" required minLength={3} maxLength={32} autoComplete="off" />
      </Field>
      <Field label="E-mail" error={errorAt("email")}>
        <Input name="email" type="email" required autoComplete="off" />
      </Field>
      <Field label="Password" hint="At least 10 characters" error={errorAt("password")}>
        <Input name="password" type="password" required minLength={10} autoComplete="new-password" />
      </Field>
      <Field label="Role">
        <Select
          value={chosen}
          onValueChange={setRoleId}
          options={roles.map((role) => ({ value: role.id, label: role.name }))}
          placeholder="User"
        />
      </Field>
      <DialogActions>
        <Button onClick={onDone}>Cancel</Button>
        <Button type="submit" variant="primary" busy={create.isPending}>
          Create user
        </Button>
      </DialogActions>
    </form>
  );
}
