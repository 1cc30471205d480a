import { Plus, X } from "lucide-react";
import { type FormEvent, useState } from "react";
import { Link } from "react-router";
import type { Node } from "../../../protocol/api/nodes.ts";
import { useAllocations, useCreateAllocations, useDeleteAllocation } from "../../api/nodes.ts";
import { FailureNotice, toastFailure } from "../../components/failure-notice.tsx";
import { formFailure } from "../../components/form-failure.tsx";
import { formText } from "../../components/form-text.ts";
import { Badge } from "../../components/ui/badge.tsx";
import { Button } from "../../components/ui/button.tsx";
import { Card, CardHeader } from "../../components/ui/card.tsx";
import { Dialog, DialogActions } from "../../components/ui/dialog.tsx";
import { Field } from "../../components/ui/field.tsx";
import { Input } from "../../components/ui/input.tsx";
import { Cell, HeadCell, Table } from "../../components/ui/table.tsx";

interface AllocationsCardProps {
  node: Node;
  mayManage: boolean;
}

/** Addresses and ports that servers of this node may use. */
export function AllocationsCard({ node, mayManage }: AllocationsCardProps) {
  const allocations = useAllocations(node.id);
  const remove = useDeleteAllocation(node.id);
  const [adding, setAdding] = useState(false);
  const items = allocations.data?.items ?? [];
  return (
    <Card className="overflow-hidden">
      <CardHeader
        title="Ports"
        description="Addresses and ports that servers may use. When none is free, Catalyst takes the next one from 25565 on."
        actions={
          mayManage && (
            <Button size="small" onClick={() => setAdding(true)}>
              <Plus aria-hidden /> Add ports
            </Button>
          )
        }
      />
      {allocations.isError && !allocations.data && (
        <FailureNotice error={allocations.error} onRetry={() => void allocations.refetch()} className="m-5 mt-0" />
      )}
      {items.length > 0 && (
        <div className="max-h-96 overflow-y-auto border-t">
          <Table>
            <thead>
              <tr>
                <HeadCell>Address</HeadCell>
                <HeadCell>Used by</HeadCell>
                <HeadCell className="max-sm:hidden">Notes</HeadCell>
                <HeadCell>
                  <span className="sr-only">Actions</span>
                </HeadCell>
              </tr>
            </thead>
            <tbody>
              {items.map((allocation) => (
                <tr key={allocation.id}>
                  <Cell className="whitespace-nowrap font-mono text-[13px]">
                    {allocation.alias ?? allocation.ip}:{allocation.port}
                  </Cell>
                  <Cell>
                    {allocation.serverId ? (
                      <Link
                        to={`/servers/${allocation.serverId}`}
                        className="block max-w-52 truncate rounded text-accent-text hover:underline"
                      >
                        {allocation.serverName ?? allocation.serverId}
                      </Link>
                    ) : (
                      <Badge>Free</Badge>
                    )}
                  </Cell>
                  <Cell className="text-subtle max-sm:hidden">{allocation.notes ?? "–"}</Cell>
                  <Cell className="text-right">
                    {mayManage && !allocation.serverId && (
                      <Button
                        variant="ghost"
                        size="icon-small"
                        aria-label={`Remove port ${allocation.port}`}
                        onClick={() => remove.mutate(allocation.id, { onError: toastFailure })}
                      >
                        <X />
                      </Button>
                    )}
                  </Cell>
                </tr>
              ))}
            </tbody>
          </Table>
        </div>
      )}
      {allocations.data && items.length === 0 && (
        <p className="border-t px-5 py-8 text-center text-sm text-subtle">No ports are set aside yet.</p>
      )}
      <Dialog open={adding} onOpenChange={setAdding} title="Add ports" description="One port, or a range of them.">
        <AddPortsForm nodeId={node.id} onDone={() => setAdding(false)} />
      </Dialog>
    </Card>
  );
}

function AddPortsForm({ nodeId, onDone }: { nodeId: string; onDone: () => void }) {
  const create = useCreateAllocations(nodeId);
  const { notice, errorAt } = formFailure(create.error);
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const text = formText(new FormData(event.currentTarget));
    create.mutate(
      {
        ports: text("ports"),
        ...(text("ip") ? { ip: text("ip") } : {}),
        ...(text("notes") ? { notes: text("notes") } : {}),
      },
      { onSuccess: onDone },
    );
  };
  return (
    <form onSubmit={submit} className="flex flex-col gap-4">
      {notice}
      <Field label="Ports" hint="Such as 25565 or 25565-25600" error={errorAt("ports")}>
        <Input name="ports" required pattern="\d{1,5}(-\d{1,5})?" placeholder="25565-25600" autoComplete="off" />
      </Field>
      <Field label="IP address" optional hint="Empty: the node's own" error={errorAt("ip")}>
        <Input name="ip" autoComplete="off" className="font-mono" />
      </Field>
      <Field label="Notes" optional>
        <Input name="notes" maxLength={500} autoComplete="off" />
      </Field>
      <DialogActions>
        <Button onClick={onDone}>Cancel</Button>
        <Button type="submit" variant="primary" busy={create.isPending}>
          Add
        </Button>
      </DialogActions>
    </form>
  );
}
