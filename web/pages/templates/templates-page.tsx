import { Boxes, Braces, EllipsisVertical, Trash2, Upload } from "lucide-react";
import { type ChangeEvent, useState } from "react";
import { toast } from "sonner";
import type { TemplateRecord } from "../../../protocol/api/templates.ts";
import { can, useMe } from "../../api/account.ts";
import { toApiError } from "../../api/api-error.ts";
import { useDeleteTemplate, useImportTemplate, useTemplate, useTemplates } from "../../api/templates.ts";
import { CopyButton } from "../../components/copy-button.tsx";
import { EmptyState } from "../../components/empty-state.tsx";
import { FailureNotice, toastFailure } from "../../components/failure-notice.tsx";
import { formatCores, formatMb } from "../../components/formatting.ts";
import { Page } from "../../components/page.tsx";
import { Button } from "../../components/ui/button.tsx";
import { Card } from "../../components/ui/card.tsx";
import { ConfirmDialog, Dialog, DialogActions } from "../../components/ui/dialog.tsx";
import { Field } from "../../components/ui/field.tsx";
import { Textarea } from "../../components/ui/input.tsx";
import { Menu, MenuItem } from "../../components/ui/menu.tsx";
import { Skeleton } from "../../components/ui/skeleton.tsx";

export default function TemplatesPage() {
  const me = useMe().data;
  const templates = useTemplates();
  const [importing, setImporting] = useState(false);
  const [viewing, setViewing] = useState<string | null>(null);
  const [deleting, setDeleting] = useState<TemplateRecord | null>(null);
  const mayImport = can(me, "template.create");
  const importButton = (
    <Button variant="primary" onClick={() => setImporting(true)}>
      <Upload aria-hidden /> Import template
    </Button>
  );
  return (
    <Page
      title="Templates"
      description="How a game is installed, started and stopped, and what can be set."
      actions={mayImport && importButton}
    >
      {templates.isError && <FailureNotice error={templates.error} onRetry={() => void templates.refetch()} />}
      {templates.isPending && (
        <div className="grid gap-4 sm:grid-cols-2 lg:grid-cols-3">
          {[0, 1, 2].map((card) => (
            <Skeleton key={card} className="h-36 rounded-xl" />
          ))}
        </div>
      )}
      {templates.data?.items.length === 0 && (
        <Card>
          <EmptyState icon={Boxes} title="No templates" action={mayImport && importButton}>
            Import a template's JSON file to offer its game for new servers.
          </EmptyState>
        </Card>
      )}
      <ul className="grid gap-4 sm:grid-cols-2 lg:grid-cols-3">
        {templates.data?.items.map((template) => (
          <li key={template.id}>
            <TemplateCard
              template={template}
              mayDelete={can(me, "template.delete")}
              onView={() => setViewing(template.id)}
              onDelete={() => setDeleting(template)}
            />
          </li>
        ))}
      </ul>
      <JsonDialog templateId={viewing} onClose={() => setViewing(null)} />
      <Dialog
        open={importing}
        onOpenChange={setImporting}
        title="Import template"
        description="A JSON file, or its text."
        className="max-w-2xl"
      >
        <ImportForm onDone={() => setImporting(false)} />
      </Dialog>
      <DeleteDialog template={deleting} onClose={() => setDeleting(null)} />
    </Page>
  );
}

function TemplateCard({
  template,
  mayDelete,
  onView,
  onDelete,
}: {
  template: TemplateRecord;
  mayDelete: boolean;
  onView: () => void;
  onDelete: () => void;
}) {
  return (
    <Card className="flex h-full flex-col p-5">
      <div className="flex items-start justify-between gap-2">
        <h2 className="font-semibold text-[15px]">{template.name}</h2>
        <Menu
          trigger={
            <Button
              variant="ghost"
              size="icon-small"
              aria-label={`Actions for ${template.name}`}
              className="-mt-1.5 -mr-2"
            >
              <EllipsisVertical />
            </Button>
          }
        >
          <MenuItem onSelect={onView}>
            <Braces aria-hidden /> View JSON
          </MenuItem>
          {mayDelete && (
            <MenuItem danger onSelect={onDelete}>
              <Trash2 aria-hidden /> Delete
            </MenuItem>
          )}
        </Menu>
      </div>
      <p className="mt-1 line-clamp-3 flex-1 text-pretty text-[13px] text-subtle">{template.description}</p>
      <dl className="mt-4 flex flex-wrap gap-x-4 gap-y-1 text-subtle text-xs tabular-nums">
        <div>{formatMb(template.allocatedMemoryMb)}</div>
        <div>{formatCores(template.allocatedCpuCores)}</div>
        <div>
          {template.variables.length} {template.variables.length === 1 ? "variable" : "variables"}
        </div>
      </dl>
      <p className="mt-2 truncate font-mono text-faint text-xs" title={template.image}>
        {template.image}
      </p>
    </Card>
  );
}

/** What the control plane adds to a template; a file to share has none of it. */
function exportText({
  revision: _revision,
  createdAt: _createdAt,
  updatedAt: _updatedAt,
  ...template
}: TemplateRecord) {
  return JSON.stringify(template, null, 2);
}

function JsonDialog({ templateId, onClose }: { templateId: string | null; onClose: () => void }) {
  const template = useTemplate(templateId);
  const text = template.data ? exportText(template.data) : "";
  return (
    <Dialog
      open={templateId !== null}
      onOpenChange={(open) => !open && onClose()}
      title={template.data?.name ?? "Template"}
      className="max-w-3xl"
    >
      {template.isError && <FailureNotice error={template.error} onRetry={() => void template.refetch()} />}
      {template.data ? (
        <div className="relative">
          <pre
            // A scrolling region must be reachable by keyboard.
            // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls
            tabIndex={0}
            className="max-h-[60dvh] overflow-auto rounded-lg border bg-muted p-4 pr-12 font-mono text-xs leading-5"
          >
            {text}
          </pre>
          <CopyButton text={text} label="Copy the JSON" className="absolute top-2 right-2 bg-raised" />
        </div>
      ) : (
        <Skeleton className="h-64 w-full" />
      )}
    </Dialog>
  );
}

function ImportForm({ onDone }: { onDone: () => void }) {
  const add = useImportTemplate();
  const [text, setText] = useState("");
  const [syntaxError, setSyntaxError] = useState<string | null>(null);
  const failure = add.isError ? toApiError(add.error) : null;
  const readFile = async (event: ChangeEvent<HTMLInputElement>) => {
    const file = event.target.files?.[0];
    if (file) setText(await file.text());
  };
  const submit = () => {
    let body: unknown;
    try {
      body = JSON.parse(text);
    } catch (error) {
      setSyntaxError(error instanceof Error ? `This is not JSON: ${error.message}` : "This is not JSON.");
      return;
    }
    setSyntaxError(null);
    add.mutate(body, {
      onSuccess: (template) => {
        toast.success(`${template.name} was imported`);
        onDone();
      },
    });
  };
  return (
    <div className="flex flex-col gap-4">
      <Field label="File">
        <input
          type="file"
          accept="application/json,.json"
          onChange={(event) => void readFile(event)}
          className="text-sm file:mr-3 file:rounded-lg file:border file:border-input file:border-solid file:bg-raised file:px-3 file:py-1.5 file:font-medium file:text-sm"
        />
      </Field>
      <Field label="JSON" error={syntaxError}>
        <Textarea
          value={text}
          onChange={(event) => setText(event.target.value)}
          rows={12}
          spellCheck={false}
          className="font-mono text-xs!"
          placeholder={'{\n  "id": "my-game",\n  "name": "My game",\n  …\n}'}
        />
      </Field>
      {failure && <FailureNotice error={failure} />}
      {failure && failure.details.length > 0 && (
        <ul className="space-y-1 text-[13px]">
          {failure.details.map((detail) => (
            <li key={`${detail.path} ${detail.message}`}>
              <code className="font-mono text-xs">{detail.path || "template"}</code>{" "}
              <span className="text-danger">{detail.message}</span>
            </li>
          ))}
        </ul>
      )}
      <DialogActions>
        <Button onClick={onDone}>Cancel</Button>
        <Button variant="primary" busy={add.isPending} disabled={text.trim() === ""} onClick={submit}>
          Import
        </Button>
      </DialogActions>
    </div>
  );
}

function DeleteDialog({ template, onClose }: { template: TemplateRecord | null; onClose: () => void }) {
  const remove = useDeleteTemplate();
  return (
    <ConfirmDialog
      open={template !== null}
      onOpenChange={(open) => !open && onClose()}
      title={`Delete ${template?.name ?? ""}?`}
      confirmLabel="Delete template"
      busy={remove.isPending}
      onConfirm={() => template && remove.mutate(template.id, { onSuccess: onClose, onError: toastFailure })}
    >
      <p>No new servers can be made from it. A template that servers use cannot be deleted.</p>
    </ConfirmDialog>
  );
}
