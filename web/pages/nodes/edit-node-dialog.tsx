import type { FormEvent } from "react";
import { toast } from "sonner";
import type { Node } from "../../../protocol/api/nodes.ts";
import { useUpdateNode } from "../../api/nodes.ts";
import { formFailure } from "../../components/form-failure.tsx";
import { formText } from "../../components/form-text.ts";
import { Button } from "../../components/ui/button.tsx";
import { Dialog, DialogActions } from "../../components/ui/dialog.tsx";
import { Field } from "../../components/ui/field.tsx";
import { Input } from "../../components/ui/input.tsx";

const GIB_IN_MB = 1024;

export function EditNodeDialog({
  node,
  open,
  onOpenChange,
}: {
  node: Node;
  open: boolean;
  onOpenChange: (open: boolean) => void;
}) {
  return (
    <Dialog open={open} onOpenChange={onOpenChange} title={`Edit ${node.name}`} className="max-w-xl">
      <EditNodeForm node={node} onDone={() => onOpenChange(false)} />
    </Dialog>
  );
}

function EditNodeForm({ node, onDone }: { node: Node; onDone: () => void }) {
  const update = useUpdateNode(node.id);
  const { notice, errorAt } = formFailure(update.error);
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const text = formText(new FormData(event.currentTarget));
    update.mutate(
      {
        name: text("name"),
        publicAddress: text("address"),
        maxMemoryMb: Math.round(Number(text("memory")) * GIB_IN_MB),
        maxCpuCores: Number(text("cpu")),
        maxDiskMb: Math.round(Number(text("disk")) * GIB_IN_MB),
        memoryOvercommit: Number(text("memoryOvercommit")),
        cpuOvercommit: Number(text("cpuOvercommit")),
        diskOvercommit: Number(text("diskOvercommit")),
      },
      {
        onSuccess: () => {
          toast.success("Saved");
          onDone();
        },
      },
    );
  };
  return (
    <form onSubmit={submit} className="flex flex-col gap-4">
      {notice}
      <Field label="Name" error={errorAt("name")}>
        <Input name="name" required maxLength={100} defaultValue={node.name} autoComplete="off" />
      </Field>
      <Field label="Address for players" error={errorAt("publicAddress")}>
        <Input name="address" required maxLength={253} defaultValue={node.publicAddress} autoComplete="off" />
      </Field>
      <div className="grid gap-4 sm:grid-cols-3">
        <Field label="Memory" hint="GiB for game servers" error={errorAt("maxMemoryMb")}>
          <Input
            name="memory"
            type="number"
            min={0.0625}
            step="any"
            required
            defaultValue={node.maxMemoryMb / GIB_IN_MB}
          />
        </Field>
        <Field label="CPU" hint="Cores" error={errorAt("maxCpuCores")}>
          <Input name="cpu" type="number" min={0.1} step="any" required defaultValue={node.maxCpuCores} />
        </Field>
        <Field label="Disk" hint="GiB for game servers" error={errorAt("maxDiskMb")}>
          <Input name="disk" type="number" min={0.0625} step="any" required defaultValue={node.maxDiskMb / GIB_IN_MB} />
        </Field>
      </div>
      <div className="grid gap-4 sm:grid-cols-3">
        <Field
          label="Memory promised"
          hint="1: what is there, 1.5: half as much again"
          error={errorAt("memoryOvercommit")}
        >
          <Input
            name="memoryOvercommit"
            type="number"
            min={0.1}
            max={10}
            step="any"
            required
            defaultValue={node.memoryOvercommit}
          />
        </Field>
        <Field label="CPU promised" hint="Games rarely need all cores at once" error={errorAt("cpuOvercommit")}>
          <Input
            name="cpuOvercommit"
            type="number"
            min={0.1}
            max={100}
            step="any"
            required
            defaultValue={node.cpuOvercommit}
          />
        </Field>
        <Field label="Disk promised" hint="Worlds grow: above 1 it may fill" error={errorAt("diskOvercommit")}>
          <Input
            name="diskOvercommit"
            type="number"
            min={0.1}
            max={10}
            step="any"
            required
            defaultValue={node.diskOvercommit}
          />
        </Field>
      </div>
      <DialogActions>
        <Button onClick={onDone}>Cancel</Button>
        <Button type="submit" variant="primary" busy={update.isPending}>
          Save
        </Button>
      </DialogActions>
    </form>
  );
}
