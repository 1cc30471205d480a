import { CircleCheck, LoaderCircle } from "lucide-react";
import { type FormEvent, useState } from "react";
import { Link } from "react-router";
import type { Node } from "../../../protocol/api/nodes.ts";
import { useCreateLocation, useCreateNode, useDeploymentToken, useLocations, useNode } from "../../api/nodes.ts";
import { CopyBlock } from "../../components/copy-button.tsx";
import { FailureNotice } from "../../components/failure-notice.tsx";
import { formFailure } from "../../components/form-failure.tsx";
import { formText } from "../../components/form-text.ts";
import { TimeAgo } from "../../components/time-ago.tsx";
import { Button } from "../../components/ui/button.tsx";
import { Dialog, DialogActions } from "../../components/ui/dialog.tsx";
import { Field } from "../../components/ui/field.tsx";
import { Input } from "../../components/ui/input.tsx";
import { Select } from "../../components/ui/select.tsx";

/** From nothing to a connected machine: describe it, paste one command on it, see it come online. */
export function AddNodeDialog({ open, onOpenChange }: { open: boolean; onOpenChange: (open: boolean) => void }) {
  const [node, setNode] = useState<Node | null>(null);
  const change = (next: boolean) => {
    if (!next) setNode(null);
    onOpenChange(next);
  };
  return (
    <Dialog
      open={open}
      onOpenChange={change}
      title={node ? `Connect ${node.name}` : "Add a node"}
      description={
        node
          ? "Run this command as root on the machine. It installs the agent and connects it."
          : "Describe the machine. The next step shows one command to paste on it."
      }
      className="max-w-xl"
    >
      {node ? (
        <ConnectNode nodeId={node.id} onDone={() => change(false)} />
      ) : (
        <NodeForm onCreated={setNode} onCancel={() => change(false)} />
      )}
    </Dialog>
  );
}

const NEW_LOCATION = "new";
const GIB_IN_MB = 1024;

function NodeForm({ onCreated, onCancel }: { onCreated: (node: Node) => void; onCancel: () => void }) {
  const locations = useLocations();
  const createLocation = useCreateLocation();
  const create = useCreateNode();
  const [chosen, setChosen] = useState("");
  const known = locations.data?.items ?? [];
  const location = chosen || (known[0]?.id ?? NEW_LOCATION);
  const error = createLocation.error ?? create.error;
  const { notice, errorAt } = formFailure(error);

  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const text = formText(new FormData(event.currentTarget));
    const locationId =
      location === NEW_LOCATION
        ? (await createLocation.mutateAsync({ name: text("locationName") }).catch(() => null))?.id
        : location;
    if (!locationId) return;
    // A second attempt after a refusal must not make a second location.
    setChosen(locationId);
    create.mutate(
      {
        name: text("name"),
        locationId,
        hostname: text("address"),
        publicAddress: text("address"),
        maxMemoryMb: Math.round(Number(text("memory")) * GIB_IN_MB),
        maxCpuCores: Number(text("cpu")),
        maxDiskMb: Math.round(Number(text("disk")) * GIB_IN_MB),
      },
      { onSuccess: onCreated },
    );
  };

  return (
    <form onSubmit={(event) => void submit(event)} className="flex flex-col gap-4">
      {notice}
      <Field label="Name" error={errorAt("name")}>
        <Input name="name" required maxLength={100} placeholder="basement-1" autoComplete="off" />
      </Field>
      <Field
        label="Address for players"
        hint="A host name or IP address that players connect to"
        error={errorAt("publicAddress") ?? errorAt("hostname")}
      >
        <Input name="address" required maxLength={253} placeholder="play.example.com" autoComplete="off" />
      </Field>
      <div className="grid gap-4 sm:grid-cols-2">
        <Field label="Location" error={errorAt("locationId")}>
          <Select
            value={location}
            onValueChange={setChosen}
            options={[
              ...known.map(({ id, name }) => ({ value: id, label: name })),
              { value: NEW_LOCATION, label: "New location…" },
            ]}
          />
        </Field>
        {location === NEW_LOCATION && (
          <Field label="Name of the location" error={createLocation.isError ? errorAt("name") : undefined}>
            <Input name="locationName" required maxLength={100} placeholder="Home" autoComplete="off" />
          </Field>
        )}
      </div>
      <div className="grid gap-4 sm:grid-cols-3">
        <Field label="Memory" hint="GiB for game servers" error={errorAt("maxMemoryMb")}>
          <Input name="memory" type="number" min={0.25} step="any" required defaultValue={8} />
        </Field>
        <Field label="CPU" hint="Cores" error={errorAt("maxCpuCores")}>
          <Input name="cpu" type="number" min={0.1} step="any" required defaultValue={4} />
        </Field>
        <Field label="Disk" hint="GiB for game servers" error={errorAt("maxDiskMb")}>
          <Input name="disk" type="number" min={1} step="any" required defaultValue={100} />
        </Field>
      </div>
      <DialogActions>
        <Button onClick={onCancel}>Cancel</Button>
        <Button type="submit" variant="primary" busy={create.isPending || createLocation.isPending}>
          Continue
        </Button>
      </DialogActions>
    </form>
  );
}

/** The command for a node that is described already, and whether it has arrived. */
export function ConnectNode({ nodeId, onDone }: { nodeId: string; onDone: () => void }) {
  const node = useNode(nodeId).data;
  const token = useDeploymentToken();
  const [asked, setAsked] = useState(false);
  if (!asked) {
    setAsked(true);
    queueMicrotask(() => token.mutate(nodeId));
  }
  const isOnline = node?.isOnline ?? false;
  return (
    <div className="flex flex-col gap-4">
      {token.isError && <FailureNotice error={token.error} onRetry={() => token.mutate(nodeId)} />}
      {token.data && !isOnline && (
        <>
          <CopyBlock text={token.data.command} label="Copy the command" />
          <p className="text-subtle text-xs">
            It works once and expires <TimeAgo at={token.data.expiresAt} />. The machine needs Linux with systemd, and
            reaches Catalyst over https; nothing has to reach it.
          </p>
        </>
      )}
      <p
        role="status"
        className="flex items-center gap-3 rounded-lg border bg-muted px-4 py-3 font-medium text-sm"
        data-online={isOnline}
      >
        {isOnline ? (
          <>
            <CircleCheck className="size-5 text-success" aria-hidden />
            <span className="wrap-anywhere min-w-0">{node?.name} is online.</span>
          </>
        ) : (
          <>
            <LoaderCircle className="size-5 animate-spin text-subtle" aria-hidden />
            Waiting for the machine to connect
          </>
        )}
      </p>
      <DialogActions>
        <Button onClick={onDone}>{isOnline ? "Done" : "Close"}</Button>
        {isOnline && (
          <Button asChild variant="primary">
            <Link to="/servers/new">Create server</Link>
          </Button>
        )}
      </DialogActions>
    </div>
  );
}
