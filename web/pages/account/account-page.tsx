import { type FormEvent, useRef } from "react";
import { toast } from "sonner";
import type { User } from "../../../protocol/api/auth.ts";
import { useChangePassword, useMe, useRevokeSession, useSessions, useUpdateProfile } from "../../api/account.ts";
import { toApiError } from "../../api/api-error.ts";
import { FailureNotice, toastFailure } from "../../components/failure-notice.tsx";
import { formFailure } from "../../components/form-failure.tsx";
import { Page } from "../../components/page.tsx";
import { TimeAgo } from "../../components/time-ago.tsx";
import { Badge } from "../../components/ui/badge.tsx";
import { Button } from "../../components/ui/button.tsx";
import { Card, CardBody, CardHeader } from "../../components/ui/card.tsx";
import { Field } from "../../components/ui/field.tsx";
import { Input } from "../../components/ui/input.tsx";
import { Skeleton } from "../../components/ui/skeleton.tsx";
import { ApiKeysCard } from "./api-keys-card.tsx";
import { describeUserAgent } from "./user-agent.ts";

export default function AccountPage() {
  const me = useMe().data;
  if (!me) return null;
  return (
    <Page title="Account" narrow>
      <div className="flex flex-col gap-6">
        <ProfileCard user={me} />
        <PasswordCard user={me} />
        <SessionsCard />
        <ApiKeysCard />
      </div>
    </Page>
  );
}

function ProfileCard({ user }: { user: User }) {
  const update = useUpdateProfile();
  const failure = update.isError ? toApiError(update.error) : null;
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const username = String(new FormData(event.currentTarget).get("username")).trim();
    update.mutate({ username }, { onSuccess: () => toast.success("Saved") });
  };
  return (
    <Card>
      <CardHeader title="Profile" />
      <CardBody>
        <form onSubmit={submit} className="flex flex-col gap-4">
          {failure && failure.details.length === 0 && <FailureNotice error={failure} />}
          <div className="grid gap-4 sm:grid-cols-2">
            <Field label="User name" error={failure?.details[0]?.message}>
              <Input name="username" defaultValue={user.username} required minLength={3} maxLength={32} />
            </Field>
            <Field label="E-mail">
              <Input value={user.email} readOnly />
            </Field>
          </div>
          <div className="flex items-center justify-between gap-4">
            <span className="flex flex-wrap gap-1.5">
              {user.roles.map((role) => (
                <Badge key={role} tone="accent">
                  {role}
                </Badge>
              ))}
            </span>
            <Button type="submit" variant="primary" busy={update.isPending}>
              Save
            </Button>
          </div>
        </form>
      </CardBody>
    </Card>
  );
}

function PasswordCard({ user }: { user: User }) {
  const change = useChangePassword();
  const form = useRef<HTMLFormElement>(null);
  const { notice, errorAt } = formFailure(change.error);
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const fields = new FormData(event.currentTarget);
    change.mutate(
      { currentPassword: String(fields.get("current")), newPassword: String(fields.get("new")) },
      {
        onSuccess: () => {
          form.current?.reset();
          toast.success("The password was changed. Other sessions have ended.");
        },
      },
    );
  };
  return (
    <Card>
      <CardHeader title="Password" description="Changing it signs you out everywhere else." />
      <CardBody>
        <form ref={form} onSubmit={submit} className="flex flex-col gap-4">
          {notice}
          <input type="hidden" name="username" autoComplete="username" value={user.email} readOnly />
          <div className="grid gap-4 sm:grid-cols-2">
            <Field label="Current password" error={errorAt("currentPassword")}>
              <Input name="current" type="password" autoComplete="current-password" required />
            </Field>
            <Field label="New password" hint="At least 10 characters" error={errorAt("newPassword")}>
              <Input name="new" type="password" autoComplete="new-password" required minLength={10} />
            </Field>
          </div>
          <Button type="submit" variant="primary" busy={change.isPending} className="self-end">
            Change password
          </Button>
        </form>
      </CardBody>
    </Card>
  );
}

function SessionsCard() {
  const sessions = useSessions();
  const revoke = useRevokeSession();
  return (
    <Card>
      <CardHeader title="Sessions" description="Where you are signed in." />
      <CardBody>
        {sessions.isError && <FailureNotice error={sessions.error} onRetry={() => void sessions.refetch()} />}
        {sessions.isPending && <Skeleton className="h-12 w-full" />}
        <ul className="divide-y">
          {sessions.data?.map((session) => (
            <li key={session.id} className="flex items-center justify-between gap-4 py-3 first:pt-0 last:pb-0">
              <div className="min-w-0">
                <p className="flex items-center gap-2 truncate font-medium text-sm">
                  {describeUserAgent(session.userAgent)}
                  {session.isCurrent && <Badge tone="success">This one</Badge>}
                </p>
                <p className="text-[13px] text-subtle">
                  {session.ip && <span className="font-mono">{session.ip} · </span>}
                  signed in <TimeAgo at={session.createdAt} />
                </p>
              </div>
              {!session.isCurrent && (
                <Button
                  size="small"
                  busy={revoke.isPending && revoke.variables === session.id}
                  onClick={() => revoke.mutate(session.id, { onError: toastFailure })}
                >
                  End
                </Button>
              )}
            </li>
          ))}
        </ul>
      </CardBody>
    </Card>
  );
}
