import { KeyRound, Plus } from "lucide-react";
import { type FormEvent, useState } from "react";
import type { ApiKey, CreateApiKeyBody } from "../../../protocol/api/account.ts";
import { GLOBAL_PERMISSIONS, SERVER_PERMISSIONS } from "../../../protocol/permissions.ts";
import { useApiKeys, useCreateApiKey, useDeleteApiKey } from "../../api/account.ts";
import { toApiError } from "../../api/api-error.ts";
import { CopyBlock } from "../../components/copy-button.tsx";
import { EmptyState } from "../../components/empty-state.tsx";
import { FailureNotice, toastFailure } from "../../components/failure-notice.tsx";
import { TimeAgo } from "../../components/time-ago.tsx";
import { Badge } from "../../components/ui/badge.tsx";
import { Button } from "../../components/ui/button.tsx";
import { Card, CardBody, CardHeader } from "../../components/ui/card.tsx";
import { ConfirmDialog, Dialog, DialogActions } from "../../components/ui/dialog.tsx";
import { Field } from "../../components/ui/field.tsx";
import { Input } from "../../components/ui/input.tsx";
import { Select } from "../../components/ui/select.tsx";
import { Skeleton } from "../../components/ui/skeleton.tsx";

const SCOPES = [...new Set<string>([...SERVER_PERMISSIONS, ...GLOBAL_PERMISSIONS.filter((name) => name !== "*")])];

export function ApiKeysCard() {
  const keys = useApiKeys();
  const [creating, setCreating] = useState(false);
  const [created, setCreated] = useState<string | null>(null);
  const close = (open: boolean) => {
    setCreating(open);
    if (!open) setCreated(null);
  };
  return (
    <Card>
      <CardHeader
        title="API keys"
        description="For scripts and bots. A key can do what you can, or less."
        actions={
          <Button size="small" onClick={() => setCreating(true)}>
            <Plus aria-hidden /> Create key
          </Button>
        }
      />
      <CardBody>
        {keys.isError && <FailureNotice error={keys.error} onRetry={() => void keys.refetch()} />}
        {keys.isPending && <Skeleton className="h-12 w-full" />}
        {keys.data?.length === 0 && (
          <EmptyState icon={KeyRound} title="No API keys">
            Create one to let a program use the API in your name.
          </EmptyState>
        )}
        <ul className="divide-y">
          {keys.data?.map((key) => (
            <KeyRow key={key.id} apiKey={key} />
          ))}
        </ul>
      </CardBody>
      <Dialog
        open={creating}
        onOpenChange={close}
        title={created ? "Copy the key now" : "Create API key"}
        description={created ? "It is shown this once and cannot be looked up later." : undefined}
      >
        {created ? (
          <>
            <CopyBlock text={created} label="Copy the key" />
            <DialogActions>
              <Button variant="primary" onClick={() => close(false)}>
                Done
              </Button>
            </DialogActions>
          </>
        ) : (
          <CreateKeyForm onCreated={setCreated} onCancel={() => close(false)} />
        )}
      </Dialog>
    </Card>
  );
}

function KeyRow({ apiKey }: { apiKey: ApiKey }) {
  const remove = useDeleteApiKey();
  const [deleting, setDeleting] = useState(false);
  const isExpired = apiKey.expiresAt !== null && Date.parse(apiKey.expiresAt) < Date.now();
  return (
    <li className="flex items-center justify-between gap-4 py-3 first:pt-0 last:pb-0">
      <div className="min-w-0">
        <p className="flex flex-wrap items-center gap-2 font-medium text-sm">
          {apiKey.name}
          <span className="font-mono font-normal text-subtle text-xs">{apiKey.prefix}…</span>
          {isExpired && <Badge tone="danger">Expired</Badge>}
        </p>
        <p className="text-[13px] text-subtle">
          {apiKey.scopes.length === 0
            ? "everything you may do"
            : `${apiKey.scopes.length} ${apiKey.scopes.length === 1 ? "scope" : "scopes"}`}{" "}
          · {apiKey.lastUsedAt ? <TimeAgo at={apiKey.lastUsedAt} /> : "never used"}
          {apiKey.expiresAt && !isExpired && (
            <>
              {" "}
              · expires <TimeAgo at={apiKey.expiresAt} />
            </>
          )}
        </p>
      </div>
      <Button size="small" variant="danger-outline" onClick={() => setDeleting(true)}>
        Delete
      </Button>
      <ConfirmDialog
        open={deleting}
        onOpenChange={setDeleting}
        title={`Delete the key ${apiKey.name}?`}
        confirmLabel="Delete key"
        busy={remove.isPending}
        onConfirm={() => remove.mutate(apiKey.id, { onSuccess: () => setDeleting(false), onError: toastFailure })}
      >
        <p>Programs that use it are refused from now on.</p>
      </ConfirmDialog>
    </li>
  );
}

const DAY_MS = 86_400_000;
const LIVES = [
  { value: "0", label: "Never" },
  { value: "30", label: "In 30 days" },
  { value: "90", label: "In 90 days" },
  { value: "365", label: "In a year" },
];

function CreateKeyForm({ onCreated, onCancel }: { onCreated: (key: string) => void; onCancel: () => void }) {
  const create = useCreateApiKey();
  const [days, setDays] = useState("90");
  const [scopes, setScopes] = useState<ReadonlySet<string>>(new Set());
  const failure = create.isError ? toApiError(create.error) : null;
  const errorAt = (path: string) => failure?.details.find((detail) => detail.path.startsWith(path))?.message;
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const allowedIps = String(form.get("ips"))
      .split(/[\s,]+/)
      .filter(Boolean);
    create.mutate(
      {
        name: String(form.get("name")),
        scopes: [...scopes] as NonNullable<CreateApiKeyBody["scopes"]>,
        ...(days === "0" ? {} : { expiresAt: new Date(Date.now() + Number(days) * DAY_MS).toISOString() }),
        ...(allowedIps.length > 0 ? { allowedIps } : {}),
      },
      { onSuccess: (reply) => onCreated(reply.key) },
    );
  };
  return (
    <form onSubmit={submit} className="flex flex-col gap-4">
      {failure && failure.details.length === 0 && <FailureNotice error={failure} />}
      <Field label="Name" hint="Says what uses it" error={errorAt("name")}>
        <Input name="name" required maxLength={100} placeholder="Discord bot" autoComplete="off" />
      </Field>
      <Field label="Expires">
        <Select value={days} onValueChange={setDays} options={LIVES} />
      </Field>
      <Field
        label="Allowed addresses"
        optional
        hint="IP addresses or CIDR blocks, separated by spaces"
        error={errorAt("allowedIps")}
      >
        <Input name="ips" placeholder="Anywhere" autoComplete="off" className="font-mono" />
      </Field>
      <details className="rounded-lg border">
        <summary className="px-3 py-2 font-medium text-[13px]">
          Scopes <span className="font-normal text-subtle">· {scopes.size === 0 ? "everything" : scopes.size}</span>
        </summary>
        <div className="grid max-h-52 gap-x-4 gap-y-1.5 overflow-y-auto border-t p-3 sm:grid-cols-2">
          {SCOPES.map((scope) => (
            <label key={scope} className="flex items-center gap-2 font-mono text-xs">
              <input
                type="checkbox"
                className="size-4 accent-accent"
                checked={scopes.has(scope)}
                onChange={(event) => {
                  const next = new Set(scopes);
                  if (event.target.checked) next.add(scope);
                  else next.delete(scope);
                  setScopes(next);
                }}
              />
              {scope}
            </label>
          ))}
        </div>
      </details>
      <DialogActions>
        <Button onClick={onCancel}>Cancel</Button>
        <Button type="submit" variant="primary" busy={create.isPending}>
          Create key
        </Button>
      </DialogActions>
    </form>
  );
}
