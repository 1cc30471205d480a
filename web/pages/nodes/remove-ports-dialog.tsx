import { type FormEvent, useState } from "react";
import { toast } from "sonner";
import { useDeleteAllocations } from "../../api/nodes.ts";
import { formFailure } from "../../components/form-failure.tsx";
import { formText } from "../../components/form-text.ts";
import { Button } from "../../components/ui/button.tsx";
import { Dialog, DialogActions } from "../../components/ui/dialog.tsx";
import { Field } from "../../components/ui/field.tsx";
import { Input } from "../../components/ui/input.tsx";
import { removalWords } from "./port-removal.ts";

interface RemovePortsDialogProps {
  nodeId: string;
  open: boolean;
  onOpenChange: (open: boolean) => void;
}

/** Takes a range of ports away from a node, after it was said what will happen. */
export function RemovePortsDialog({ nodeId, open, onOpenChange }: RemovePortsDialogProps) {
  return (
    <Dialog
      open={open}
      onOpenChange={onOpenChange}
      title="Remove ports"
      description="One port, or a range of them. Ports that servers use stay."
    >
      <RemovePortsForm nodeId={nodeId} onDone={() => onOpenChange(false)} />
    </Dialog>
  );
}

interface Range {
  ports: string;
  ip: string;
}

function RemovePortsForm({ nodeId, onDone }: { nodeId: string; onDone: () => void }) {
  const remove = useDeleteAllocations(nodeId);
  const [range, setRange] = useState<Range>({ ports: "", ip: "" });
  const [isAsked, setAsked] = useState(false);
  const { notice, errorAt } = formFailure(remove.error);
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    if (!isAsked) {
      const text = formText(new FormData(event.currentTarget));
      setRange({ ports: text("ports"), ip: text("ip") });
      return setAsked(true);
    }
    remove.mutate(range, {
      onSuccess: (answer) => {
        (answer.deleted > 0 ? toast.success : toast)(removalWords(answer));
        onDone();
      },
      // What is wrong stands at the fields.
      onError: () => setAsked(false),
    });
  };
  if (isAsked) {
    return (
      <form onSubmit={submit}>
        <p className="text-sm">
          Remove the free ones of <span className="font-mono text-[13px]">{range.ports}</span>{" "}
          {range.ip ? (
            <>
              on <span className="wrap-anywhere font-mono text-[13px]">{range.ip}</span>
            </>
          ) : (
            "on every address of this node"
          )}
          ? Their notes and aliases go with them.
        </p>
        <DialogActions>
          <Button onClick={() => setAsked(false)}>Back</Button>
          <Button type="submit" variant="danger" busy={remove.isPending} autoFocus>
            Remove ports
          </Button>
        </DialogActions>
      </form>
    );
  }
  return (
    <form onSubmit={submit} className="flex flex-col gap-4">
      {notice}
      <Field label="Ports" hint="Such as 25565 or 25565-25600" error={errorAt("ports")}>
        <Input
          name="ports"
          required
          pattern="\d{1,5}(-\d{1,5})?"
          placeholder="25565-25600"
          defaultValue={range.ports}
          autoComplete="off"
        />
      </Field>
      <Field label="IP address" optional hint="Empty: every address" error={errorAt("ip")}>
        <Input name="ip" defaultValue={range.ip} autoComplete="off" className="font-mono" />
      </Field>
      <DialogActions>
        <Button onClick={onDone}>Cancel</Button>
        <Button type="submit" variant="danger-outline">
          Continue
        </Button>
      </DialogActions>
    </form>
  );
}
