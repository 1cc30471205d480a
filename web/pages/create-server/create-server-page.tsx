import { Network } from "lucide-react";
import { type FormEvent, type ReactNode, useEffect, useRef, useState } from "react";
import { Link, useNavigate } from "react-router";
import { toast } from "sonner";
import { can, useMe } from "../../api/account.ts";
import { toApiError } from "../../api/api-error.ts";
import { usePools } from "../../api/network.ts";
import { useNodes } from "../../api/nodes.ts";
import { useCreateServer } from "../../api/servers.ts";
import { useTemplates } from "../../api/templates.ts";
import { EmptyState } from "../../components/empty-state.tsx";
import { FailureNotice } from "../../components/failure-notice.tsx";
import { formatMb } from "../../components/formatting.ts";
import { Page } from "../../components/page.tsx";
import { Button } from "../../components/ui/button.tsx";
import { Card } from "../../components/ui/card.tsx";
import { Field } from "../../components/ui/field.tsx";
import { Input } from "../../components/ui/input.tsx";
import { Select } from "../../components/ui/select.tsx";
import { Skeleton } from "../../components/ui/skeleton.tsx";
import { Switch } from "../../components/ui/switch.tsx";
import { VariableInput } from "../../components/variable-input.tsx";
import { NETWORK_WORDS } from "../server/network-mode-card.tsx";
import { NodeChoice, TemplateChoice } from "./choices.tsx";
import {
  EMPTY_FORM,
  errorsFromDetails,
  type FormErrors,
  formErrors,
  headroomMb,
  inOrderOfOffer,
  type ServerForm,
  toBody,
  withTemplate,
} from "./create-server-form.ts";

export default function CreateServerPage() {
  const me = useMe().data;
  const navigate = useNavigate();
  const templates = useTemplates();
  const nodes = useNodes();
  const create = useCreateServer();
  const [form, setForm] = useState<ServerForm>(EMPTY_FORM);
  const [touched, setTouched] = useState<ReadonlySet<string>>(new Set());
  const [submitted, setSubmitted] = useState(false);
  const [refused, setRefused] = useState<FormErrors>({});
  const formElement = useRef<HTMLFormElement>(null);

  const template = templates.data?.items.find((candidate) => candidate.id === form.templateId) ?? null;
  const node = nodes.data?.items.find((candidate) => candidate.id === form.nodeId) ?? null;
  const mayChooseNetwork = can(me, "admin.write");
  const pools = usePools(form.nodeId, mayChooseNetwork && can(me, "pool.read")).data?.items ?? [];
  const found = formErrors(form, template, node);
  const errorAt = (field: string) => refused[field] ?? (submitted || touched.has(field) ? found[field] : undefined);

  const change = (change: Partial<ServerForm>) => {
    setForm((current) => ({ ...current, ...change }));
    setTouched((current) => new Set([...current, ...Object.keys(change)]));
    setRefused({});
  };
  const chooseTemplate = (templateId: string) => {
    const chosen = templates.data?.items.find((candidate) => candidate.id === templateId);
    if (!chosen) return;
    setForm((current) => withTemplate(current, chosen));
    // Its defaults are nobody's mistakes yet.
    setTouched(new Set(["templateId"]));
    setRefused({});
  };
  const changeVariable = (name: string, value: string) => {
    setForm((current) => ({ ...current, environment: { ...current.environment, [name]: value } }));
    setTouched((current) => new Set([...current, `environment.${name}`]));
    setRefused({});
  };

  // A fleet of one node leaves nothing to choose.
  const onlyNode = nodes.data?.items.length === 1 ? nodes.data.items[0] : undefined;
  useEffect(() => {
    if (onlyNode?.mode === "active")
      setForm((current) => (current.nodeId ? current : { ...current, nodeId: onlyNode.id }));
  }, [onlyNode]);

  /** The first field with something wrong may be far from the button. */
  const goToMistake = () =>
    requestAnimationFrame(() =>
      formElement.current?.querySelector<HTMLElement>('[aria-invalid="true"], [data-invalid]')?.focus(),
    );

  const submit = (event: FormEvent) => {
    event.preventDefault();
    setSubmitted(true);
    if (Object.keys(found).length > 0 || !template) {
      goToMistake();
      return;
    }
    create.mutate(toBody(form, template, can(me, "admin.write")), {
      onSuccess: (server) => {
        toast.success(`${server.name} is being set up`);
        void navigate(`/servers/${server.id}`);
      },
      onError: (error) => {
        setRefused(errorsFromDetails(toApiError(error).details));
        goToMistake();
      },
    });
  };

  if (nodes.data?.items.length === 0) {
    return (
      <Page title="Create server">
        <Card>
          <EmptyState
            icon={Network}
            title="There is no node yet"
            action={
              can(me, "node.create") && (
                <Button asChild variant="primary">
                  <Link to="/nodes?add">Add a node</Link>
                </Button>
              )
            }
          >
            A server needs a machine to run on.
          </EmptyState>
        </Card>
      </Page>
    );
  }

  const variables = template?.variables.filter((variable) => variable.userViewable) ?? [];
  const images = template
    ? [...new Set([template.defaultImage ?? template.image, ...template.images.map((choice) => choice.image)])]
    : [];
  const imageLabel = (image: string) => {
    const named = template?.images.find((choice) => choice.image === image);
    return named ? (named.label ?? named.name) : image;
  };
  const loose = refused[""];

  return (
    <Page title="Create server" description="Choose a game, a place and a size. Everything can be changed later.">
      <form ref={formElement} onSubmit={submit} noValidate className="grid items-start gap-6 lg:grid-cols-[1fr_18rem]">
        <div className="flex min-w-0 flex-col gap-6">
          <FormSection title="Game" error={errorAt("templateId")}>
            {templates.isError && <FailureNotice error={templates.error} onRetry={() => void templates.refetch()} />}
            {templates.isPending && <ChoiceSkeletons />}
            {templates.data && (
              <TemplateChoice
                templates={inOrderOfOffer(templates.data.items)}
                value={form.templateId}
                onChange={chooseTemplate}
              />
            )}
          </FormSection>
          <FormSection title="Node" error={errorAt("nodeId")}>
            {nodes.isError && <FailureNotice error={nodes.error} onRetry={() => void nodes.refetch()} />}
            {nodes.isPending && <ChoiceSkeletons />}
            {nodes.data && (
              <NodeChoice
                nodes={nodes.data.items}
                value={form.nodeId}
                onChange={(nodeId) => change({ nodeId, networkMode: "bridge", poolId: "", poolIp: "" })}
              />
            )}
          </FormSection>
          <FormSection title="Name and size">
            <Field label="Name" error={errorAt("name")}>
              <Input
                value={form.name}
                maxLength={100}
                placeholder="Survival with friends"
                onChange={(event) => change({ name: event.target.value })}
              />
            </Field>
            <div className="grid gap-4 sm:grid-cols-3">
              <Field
                label="Memory"
                hint={`MiB${headroomMb(form, template) > 0 ? ` · ${headroomMb(form, template)} more for its runtime` : ""}${node ? ` · ${formatMb(node.freeMemoryMb)} free` : ""}`}
                error={errorAt("memoryMb")}
              >
                <Input
                  inputMode="numeric"
                  value={form.memoryMb}
                  onChange={(event) => change({ memoryMb: event.target.value.trim() })}
                />
              </Field>
              <Field label="CPU" hint="Cores, such as 0.5 or 2" error={errorAt("cpuCores")}>
                <Input
                  inputMode="decimal"
                  value={form.cpuCores}
                  onChange={(event) => change({ cpuCores: event.target.value.trim() })}
                />
              </Field>
              <Field label="Disk" hint="MiB" error={errorAt("diskMb")}>
                <Input
                  inputMode="numeric"
                  value={form.diskMb}
                  onChange={(event) => change({ diskMb: event.target.value.trim() })}
                />
              </Field>
            </div>
            <div className="grid gap-4 sm:grid-cols-3">
              <Field label="Port" optional hint="Empty: the next free one" error={errorAt("port")}>
                <Input
                  inputMode="numeric"
                  placeholder="Automatic"
                  value={form.port}
                  onChange={(event) => change({ port: event.target.value.trim() })}
                />
              </Field>
              {mayChooseNetwork && (
                <Field label="Network" className="sm:col-span-2" error={errorAt("poolId") ?? errorAt("networkMode")}>
                  <Select
                    value={form.networkMode === "pool" ? form.poolId : form.networkMode}
                    onValueChange={(value) =>
                      change(
                        value === "bridge" || value === "host"
                          ? { networkMode: value, poolId: "", poolIp: "" }
                          : { networkMode: "pool", poolId: value, poolIp: "" },
                      )
                    }
                    options={[
                      { value: "bridge", label: NETWORK_WORDS.bridge },
                      { value: "host", label: NETWORK_WORDS.host },
                      ...pools.map((pool) => ({ value: pool.id, label: `${pool.name} (${pool.cidr})` })),
                    ]}
                  />
                </Field>
              )}
              {form.networkMode === "pool" && (
                <Field
                  label="Address"
                  optional
                  hint="Of the pool. Empty: its next free one"
                  className="sm:col-start-2 sm:col-span-2"
                  error={errorAt("poolIp")}
                >
                  <Input
                    value={form.poolIp}
                    placeholder="Automatic"
                    className="font-mono"
                    onChange={(event) => change({ poolIp: event.target.value.trim() })}
                  />
                </Field>
              )}
              {images.length > 1 && (
                <Field label="Image" className="sm:col-span-2" error={errorAt("image")}>
                  <Select
                    value={form.image}
                    onValueChange={(image) => change({ image })}
                    options={images.map((image) => ({ value: image, label: imageLabel(image) }))}
                  />
                </Field>
              )}
            </div>
          </FormSection>
          {variables.length > 0 && (
            <FormSection title={`${template?.name} settings`}>
              <div className="grid gap-x-4 gap-y-5 sm:grid-cols-2">
                {variables.map((variable) => (
                  <VariableInput
                    key={variable.name}
                    variable={variable}
                    value={form.environment[variable.name] ?? ""}
                    onChange={(value) => changeVariable(variable.name, value)}
                    error={errorAt(`environment.${variable.name}`)}
                    disabled={!variable.userEditable && !can(me, "admin.write")}
                  />
                ))}
              </div>
            </FormSection>
          )}
        </div>
        <Card className="flex flex-col gap-4 p-5 lg:sticky lg:top-8" aria-label="Summary">
          <dl className="space-y-2.5 text-sm">
            <SummaryLine term="Game" value={template?.name} />
            <SummaryLine term="Node" value={node?.name} />
            <SummaryLine term="Memory" value={Number(form.memoryMb) ? formatMb(Number(form.memoryMb)) : undefined} />
            <SummaryLine term="CPU" value={form.cpuCores ? `${form.cpuCores} cores` : undefined} />
            <SummaryLine term="Disk" value={Number(form.diskMb) ? formatMb(Number(form.diskMb)) : undefined} />
            <SummaryLine term="Port" value={form.port || "automatic"} />
          </dl>
          <div className="flex items-center justify-between gap-3 border-t pt-4 text-sm">
            <label htmlFor="start-after-install">Start when installed</label>
            <Switch
              id="start-after-install"
              checked={form.startAfterInstall}
              onCheckedChange={(startAfterInstall) => change({ startAfterInstall })}
            />
          </div>
          {create.isError && (toApiError(create.error).details.length === 0 || loose) && (
            <FailureNotice error={create.error} />
          )}
          {loose && <p className="text-danger text-xs">{loose}</p>}
          {submitted && Object.keys(found).length > 0 && (
            <p role="alert" className="text-danger text-xs">
              Look at the fields marked in red.
            </p>
          )}
          <Button type="submit" variant="primary" size="large" busy={create.isPending}>
            Create server
          </Button>
        </Card>
      </form>
    </Page>
  );
}

function SummaryLine({ term, value }: { term: string; value: string | undefined }) {
  return (
    <div className="flex justify-between gap-4">
      <dt className="text-subtle">{term}</dt>
      <dd className="truncate font-medium tabular-nums">{value ?? <span className="text-faint">–</span>}</dd>
    </div>
  );
}

function FormSection({ title, error, children }: { title: string; error?: string | undefined; children: ReactNode }) {
  return (
    <Card className="p-5">
      <fieldset className="flex min-w-0 flex-col gap-4">
        <legend className="float-left w-full font-semibold text-[15px]">{title}</legend>
        {children}
        {error && (
          <p role="alert" data-invalid tabIndex={-1} className="text-danger text-xs">
            {error}
          </p>
        )}
      </fieldset>
    </Card>
  );
}

function ChoiceSkeletons() {
  return (
    <div className="grid gap-3 sm:grid-cols-2">
      {[0, 1, 2, 3].map((card) => (
        <Skeleton key={card} className="h-20 rounded-xl" />
      ))}
    </div>
  );
}
