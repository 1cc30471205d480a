import { Plus, X } from "lucide-react";
import { type FormEvent, useState } from "react";
import { Link } from "react-router";
import type { Allocation, Node } from "../../../protocol/api/nodes.ts";
import { formatEndpoint } from "../../../protocol/endpoint.ts";
import { useAllocations, useCreateAllocations, useDeleteAllocation } from "../../api/nodes.ts";
import { FailureNotice, toastFailure } from "../../components/failure-notice.tsx";
import { formFailure } from "../../components/form-failure.tsx";
import { formText } from "../../components/form-text.ts";
import { Pager } from "../../components/pager.tsx";
import { SearchInput } from "../../components/search-input.tsx";
import { Badge } from "../../components/ui/badge.tsx";
import { Button } from "../../components/ui/button.tsx";
import { Card, CardHeader } from "../../components/ui/card.tsx";
import { Dialog, DialogActions } from "../../components/ui/dialog.tsx";
import { Field } from "../../components/ui/field.tsx";
import { Input } from "../../components/ui/input.tsx";
import { Select } from "../../components/ui/select.tsx";
import { Cell, HeadCell, Table } from "../../components/ui/table.tsx";
import { usePagedSearch } from "../../components/use-paged-search.ts";
import { RemovePortsDialog } from "./remove-ports-dialog.tsx";

type Use = "any" | "free" | "used";
const USES: { value: Use; label: string }[] = [
  { value: "any", label: "All ports" },
  { value: "free", label: "Free" },
  { value: "used", label: "In use" },
];
const ANY = "any";

interface AllocationsCardProps {
  node: Node;
  mayManage: boolean;
}

/** Addresses and ports that servers of this node may use. */
export function AllocationsCard({ node, mayManage }: AllocationsCardProps) {
  const { q, cursors, setCursors, field } = usePagedSearch();
  const [use, setUse] = useState<Use>("any");
  const [ip, setIp] = useState(ANY);
  const allocations = useAllocations(node.id, {
    q,
    use: use === "any" ? undefined : use,
    ip: ip === ANY ? undefined : ip,
    cursor: cursors.at(-1),
  });
  const remove = useDeleteAllocation(node.id);
  const [adding, setAdding] = useState(false);
  const [removing, setRemoving] = useState(false);
  const items = allocations.data?.items ?? [];
  const addresses = useAddressesSeen(items);
  const isFiltered = q !== "" || use !== "any" || ip !== ANY;
  const isEmpty = allocations.data !== undefined && items.length === 0 && cursors.length === 0;
  return (
    <Card aria-label="Ports" className="overflow-hidden">
      <CardHeader
        title="Ports"
        description="Addresses and ports that servers may use. When none is free, Catalyst takes the next one from 25565 on."
        actions={
          mayManage && (
            <>
              {!(isEmpty && !isFiltered) && (
                <Button size="small" onClick={() => setRemoving(true)}>
                  Remove ports
                </Button>
              )}
              <Button size="small" onClick={() => setAdding(true)}>
                <Plus aria-hidden /> Add ports
              </Button>
            </>
          )
        }
      />
      {!(isEmpty && !isFiltered) && (
        <div className="grid gap-3 px-5 pb-4 sm:grid-cols-[minmax(0,1fr)_9rem_13rem]">
          <SearchInput
            label="Search ports"
            placeholder="Port, note or server"
            value={field.value}
            onChange={field.onChange}
            className="mb-0 max-w-none"
          />
          <Select
            aria-label="Use"
            value={use}
            onValueChange={(value) => {
              setUse(value as Use);
              setCursors([]);
            }}
            options={USES}
          />
          {addresses.length > 1 && (
            <Select
              aria-label="Address"
              value={ip}
              onValueChange={(value) => {
                setIp(value);
                setCursors([]);
              }}
              options={[
                { value: ANY, label: "Every address" },
                ...addresses.map((each) => ({ value: each, label: each })),
              ]}
            />
          )}
        </div>
      )}
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
                    {formatEndpoint(allocation.alias ?? allocation.ip, allocation.port)}
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
        <p className="border-t px-5 py-8 text-center text-sm text-subtle">
          {isFiltered ? "No port is like that." : "No ports are set aside yet."}
        </p>
      )}
      <Pager
        cursors={cursors}
        nextCursor={allocations.data?.nextCursor ?? null}
        onChange={setCursors}
        words={["Lower ports", "Higher ports"]}
        className="mt-0 border-t px-5 py-3"
      />
      <Dialog open={adding} onOpenChange={setAdding} title="Add ports" description="One port, or a range of them.">
        <AddPortsForm nodeId={node.id} onDone={() => setAdding(false)} />
      </Dialog>
      <RemovePortsDialog nodeId={node.id} open={removing} onOpenChange={setRemoving} />
    </Card>
  );
}

/** Every address that was on the list since the page was opened: a filter must not take away its own alternatives. */
function useAddressesSeen(items: readonly Allocation[]): string[] {
  const [seen, setSeen] = useState<readonly string[]>([]);
  const fresh = items.map((allocation) => allocation.ip).filter((each) => !seen.includes(each));
  if (fresh.length > 0) setSeen([...new Set([...seen, ...fresh])]);
  return [...seen].sort();
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
