import { Ban } from "lucide-react";
import { type FormEvent, type ReactNode, useState } from "react";
import { useNavigate } from "react-router";
import { toast } from "sonner";
import type { ServerDetail } from "../../../protocol/api/servers.ts";
import { can, useMe } from "../../api/account.ts";
import { toApiError } from "../../api/api-error.ts";
import { allows, useDeleteServer, useRefreshImage, useUpdateServer } from "../../api/servers.ts";
import { useTemplate } from "../../api/templates.ts";
import { EmptyState } from "../../components/empty-state.tsx";
import { FailureNotice, toastFailure } from "../../components/failure-notice.tsx";
import { formFailure } from "../../components/form-failure.tsx";
import { Button } from "../../components/ui/button.tsx";
import { Card, CardBody, CardHeader } from "../../components/ui/card.tsx";
import { ConfirmDialog } from "../../components/ui/dialog.tsx";
import { Field } from "../../components/ui/field.tsx";
import { Input } from "../../components/ui/input.tsx";
import { Select } from "../../components/ui/select.tsx";
import { Skeleton } from "../../components/ui/skeleton.tsx";
import { VariableInput } from "../../components/variable-input.tsx";
import { errorsFromDetails, variableError } from "../create-server/create-server-form.ts";
import { ReinstallDialog } from "./installation.tsx";
import { LimitSettings } from "./limit-settings.tsx";
import { RestartPolicySettings } from "./restart-policy-settings.tsx";
import { SuspendButton, useIsBarred } from "./suspension.tsx";

interface SettingsTabProps {
  server: ServerDetail;
  /** What its node says of its disk at present, such as a size that waits. */
  diskNotice: string | null;
}

export function SettingsTab({ server, diskNotice }: SettingsTabProps) {
  if (useIsBarred(server)) {
    return (
      <EmptyState icon={Ban} title="Nothing can be changed">
        The server is suspended. Its settings are kept as they are.
      </EmptyState>
    );
  }
  return (
    <div className="mx-auto flex w-full max-w-3xl flex-col gap-6 px-4 py-6 sm:px-6 lg:px-8">
      {allows(server, "server.rename") && <GeneralSettings server={server} />}
      {allows(server, "startup.read") && <EnvironmentSettings server={server} />}
      <RestartPolicySettings server={server} />
      <LimitSettings server={server} diskNotice={diskNotice} />
      <DangerZone server={server} />
    </div>
  );
}

function GeneralSettings({ server }: { server: ServerDetail }) {
  const update = useUpdateServer(server.id);
  const { notice, errorAt } = formFailure(update.error);
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    update.mutate(
      { name: String(form.get("name")), description: String(form.get("description")) },
      { onSuccess: () => toast.success("Saved") },
    );
  };
  return (
    <Card>
      <CardHeader title="General" />
      <CardBody>
        <form onSubmit={submit} className="flex flex-col gap-4">
          <Field label="Name" error={errorAt("name")}>
            <Input name="name" defaultValue={server.name} required maxLength={100} />
          </Field>
          <Field label="Description" optional error={errorAt("description")}>
            <Input name="description" defaultValue={server.description} maxLength={500} />
          </Field>
          {notice}
          <Button type="submit" variant="primary" busy={update.isPending} className="self-end">
            Save
          </Button>
        </form>
      </CardBody>
    </Card>
  );
}

function EnvironmentSettings({ server }: { server: ServerDetail }) {
  const me = useMe().data;
  const template = useTemplate(server.templateId).data;
  const update = useUpdateServer(server.id);
  const [changes, setChanges] = useState<Record<string, string>>({});
  const [image, setImage] = useState(server.image);
  const editsAll = can(me, "admin.write");
  const mayEdit = allows(server, "startup.update");
  const variables = template?.variables.filter((variable) => variable.name in server.environment || editsAll) ?? [];
  const valueIn = (name: string) => changes[name] ?? server.environment[name] ?? "";
  const refused = update.isError ? errorsFromDetails(toApiError(update.error).details) : {};
  const errorAt = (name: string) => {
    const variable = variables.find((candidate) => candidate.name === name);
    return (
      (variable && name in changes ? variableError(variable, valueIn(name)) : null) ?? refused[`environment.${name}`]
    );
  };
  const hasErrors = variables.some((variable) => errorAt(variable.name));
  const refresh = useRefreshImage(server.id);
  // One that its template does not offer any more stays until another is chosen.
  const isOffered = server.images.some((choice) => choice.image === server.image);
  const images = isOffered ? server.images : [{ image: server.image, label: server.image }, ...server.images];
  const submit = (event: FormEvent) => {
    event.preventDefault();
    update.mutate(
      {
        ...(Object.keys(changes).length > 0 ? { environment: { ...changes } } : {}),
        ...(image === server.image ? {} : { image }),
      },
      {
        onSuccess: () => {
          setChanges({});
          toast.success("Saved. It applies from the next start.");
        },
      },
    );
  };
  return (
    <Card>
      <CardHeader title="Startup" description="What the game is started with. Changes apply from the next start." />
      <CardBody>
        {template ? (
          <form onSubmit={submit} noValidate className="flex flex-col gap-5">
            <div className="flex flex-wrap items-end gap-2">
              <Field label="Image" error={refused.image} className="min-w-0 flex-1">
                <Select
                  value={image}
                  onValueChange={setImage}
                  disabled={!allows(server, "startup.image") || images.length < 2}
                  options={images.map((choice) => ({ value: choice.image, label: choice.label }))}
                />
              </Field>
              {allows(server, "startup.image") && (
                <Button
                  busy={refresh.isPending}
                  onClick={() =>
                    refresh.mutate(undefined, {
                      onSuccess: () => toast.success("The newest image is fetched with the next start."),
                      onError: toastFailure,
                    })
                  }
                >
                  Update image
                </Button>
              )}
            </div>
            {variables.length > 0 && (
              <div className="grid gap-x-4 gap-y-5 sm:grid-cols-2">
                {variables.map((variable) => (
                  <VariableInput
                    key={variable.name}
                    variable={variable}
                    value={valueIn(variable.name)}
                    onChange={(value) => {
                      update.reset();
                      setChanges((current) => ({ ...current, [variable.name]: value }));
                    }}
                    error={errorAt(variable.name) ?? undefined}
                    disabled={!mayEdit || (!variable.userEditable && !editsAll)}
                  />
                ))}
              </div>
            )}
            <Field label="Command">
              <Input readOnly value={server.startup} className="font-mono text-[13px]" />
            </Field>
            {update.isError && toApiError(update.error).details.length === 0 && <FailureNotice error={update.error} />}
            <Button
              type="submit"
              variant="primary"
              busy={update.isPending}
              disabled={hasErrors || (Object.keys(changes).length === 0 && image === server.image)}
              className="self-end"
            >
              Save
            </Button>
          </form>
        ) : (
          <Skeleton className="h-32 w-full" />
        )}
      </CardBody>
    </Card>
  );
}

function DangerZone({ server }: { server: ServerDetail }) {
  const me = useMe().data;
  const navigate = useNavigate();
  const remove = useDeleteServer(server.id);
  const [reinstalling, setReinstalling] = useState(false);
  const [deleting, setDeleting] = useState(false);
  const [typed, setTyped] = useState("");
  const mayDelete = can(me, "server.delete") || server.ownerId === me?.id;
  const mayReinstall = allows(server, "server.reinstall");
  const maySuspend = can(me, "server.suspend") && !server.isSuspended;
  if (!mayDelete && !mayReinstall && !maySuspend) return null;
  return (
    <Card className="border-danger/30">
      <CardHeader title="Danger zone" />
      <CardBody className="divide-y">
        {mayReinstall && (
          <DangerRow
            title="Reinstall"
            text="Runs the game's install script again. It may replace files that you changed."
          >
            <Button variant="danger-outline" onClick={() => setReinstalling(true)}>
              Reinstall
            </Button>
          </DangerRow>
        )}
        {maySuspend && (
          <DangerRow title="Suspend" text="Stops the server and closes it to its users, until you end the suspension.">
            <SuspendButton server={server} />
          </DangerRow>
        )}
        {mayDelete && (
          <DangerRow title="Delete" text="Stops the server and removes it with all of its files.">
            <Button variant="danger-outline" onClick={() => setDeleting(true)}>
              Delete server
            </Button>
          </DangerRow>
        )}
      </CardBody>
      <ReinstallDialog server={server} open={reinstalling} onOpenChange={setReinstalling} />
      <ConfirmDialog
        open={deleting}
        onOpenChange={(open) => {
          setDeleting(open);
          setTyped("");
        }}
        title={`Delete ${server.name}?`}
        confirmLabel="Delete server"
        busy={remove.isPending}
        disabled={typed !== server.name}
        onConfirm={() =>
          remove.mutate(!server.nodeIsOnline, {
            onSuccess: () => {
              toast.success(`${server.name} was deleted`);
              void navigate("/", { replace: true });
            },
            onError: toastFailure,
          })
        }
      >
        <p>Worlds, plugins and settings of this server are removed from the node. This cannot be taken back.</p>
        {!server.nodeIsOnline && <p>The node is offline: its files are removed when it comes back.</p>}
        <Field label={`Type ${server.name} to confirm`}>
          <Input value={typed} onChange={(event) => setTyped(event.target.value)} autoComplete="off" />
        </Field>
      </ConfirmDialog>
    </Card>
  );
}

function DangerRow({ title, text, children }: { title: string; text: string; children: ReactNode }) {
  return (
    <div className="flex flex-wrap items-center justify-between gap-4 py-4 first:pt-0 last:pb-0">
      <div className="min-w-0 flex-1">
        <h3 className="font-medium text-sm">{title}</h3>
        <p className="text-[13px] text-subtle">{text}</p>
      </div>
      {children}
    </div>
  );
}
