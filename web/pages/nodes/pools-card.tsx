import { Plus, X } from "lucide-react";
import { type FormEvent, useState } from "react";
import type { Node } from "../../../protocol/api/nodes.ts";
import type { Pool } from "../../../protocol/api/pools.ts";
import type { PoolKind } from "../../../protocol/network.ts";
import { useCreatePool, useDeletePool, usePools } from "../../api/network.ts";
import { FailureNotice, toastFailure } from "../../components/failure-notice.tsx";
import { formFailure } from "../../components/form-failure.tsx";
import { formText } from "../../components/form-text.ts";
import { Button } from "../../components/ui/button.tsx";
import { Card, CardHeader } from "../../components/ui/card.tsx";
import { ConfirmDialog, Dialog, DialogActions } from "../../components/ui/dialog.tsx";
import { Field } from "../../components/ui/field.tsx";
import { Input } from "../../components/ui/input.tsx";
import { Select } from "../../components/ui/select.tsx";

const KINDS: { value: PoolKind; label: string }[] = [
  { value: "bridge", label: "Bridge: a network in the node" },
  { value: "macvlan", label: "macvlan: an interface of the node" },
];

/** Ranges of which servers of this node can have an address each. */
export function PoolsCard({ node, mayCreate, mayDelete }: { node: Node; mayCreate: boolean; mayDelete: boolean }) {
  const pools = usePools(node.id, true);
  const remove = useDeletePool(node.id);
  const [adding, setAdding] = useState(false);
  const [removing, setRemoving] = useState<Pool | null>(null);
  return (
    <Card aria-label="IP pools" className="overflow-hidden">
      <CardHeader
        title="IP pools"
        description="Ranges of which a server can have an address of its own."
        actions={
          mayCreate && (
            <Button size="small" onClick={() => setAdding(true)}>
              <Plus aria-hidden /> Add pool
            </Button>
          )
        }
      />
      {pools.isError && !pools.data && (
        <FailureNotice error={pools.error} onRetry={() => void pools.refetch()} className="m-5 mt-0" />
      )}
      {pools.data?.items.length === 0 && (
        <p className="border-t px-5 py-8 text-center text-sm text-subtle">This node has no pools.</p>
      )}
      <ul className="divide-y border-t empty:hidden">
        {pools.data?.items.map((pool) => (
          <li key={pool.id} className="flex items-center justify-between gap-4 px-5 py-3">
            <div className="min-w-0">
              <p className="wrap-anywhere text-sm">
                {pool.name} <span className="font-mono text-[13px] text-subtle">{pool.cidr}</span>
              </p>
              <p className="text-pretty text-[13px] text-subtle">
                {pool.kind === "macvlan"
                  ? `macvlan on ${pool.parent}`
                  : pool.isIsolated
                    ? "Servers kept apart"
                    : "Shared"}
                {" · "}
                {pool.assignedCount} used, {pool.freeCount ?? "countless"} free
              </p>
            </div>
            {mayDelete && (
              <Button
                variant="ghost"
                size="icon-small"
                aria-label={`Delete pool ${pool.name}`}
                disabled={pool.assignedCount > 0}
                onClick={() => setRemoving(pool)}
              >
                <X />
              </Button>
            )}
          </li>
        ))}
      </ul>
      <Dialog open={adding} onOpenChange={setAdding} title="Add a pool" description={`On ${node.name}.`}>
        <AddPoolForm nodeId={node.id} onDone={() => setAdding(false)} />
      </Dialog>
      <ConfirmDialog
        open={removing !== null}
        onOpenChange={() => setRemoving(null)}
        title={`Delete ${removing?.name ?? ""}?`}
        confirmLabel="Delete pool"
        busy={remove.isPending}
        onConfirm={() =>
          removing && remove.mutate(removing.id, { onSuccess: () => setRemoving(null), onError: toastFailure })
        }
      >
        <p>No server uses it. Its range can be used for another pool afterwards.</p>
      </ConfirmDialog>
    </Card>
  );
}

function AddPoolForm({ nodeId, onDone }: { nodeId: string; onDone: () => void }) {
  const create = useCreatePool(nodeId);
  const [kind, setKind] = useState<PoolKind>("bridge");
  const { notice, errorAt } = formFailure(create.error);
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const text = formText(new FormData(event.currentTarget));
    const exclusions = text("exclusions")
      .split(/[\s,]+/)
      .filter((each) => each !== "");
    create.mutate(
      {
        ...{ nodeId, kind, exclusions, name: text("name"), cidr: text("cidr") },
        ...(text("gateway") ? { gateway: text("gateway") } : {}),
        ...(kind === "macvlan" ? { parent: text("parent") } : {}),
      },
      { onSuccess: onDone },
    );
  };
  return (
    <form onSubmit={submit} className="flex flex-col gap-4">
      {notice}
      <Field label="Name" error={errorAt("name")}>
        <Input name="name" required maxLength={100} autoComplete="off" />
      </Field>
      <Field label="Kind" error={errorAt("kind")}>
        <Select value={kind} onValueChange={(value) => setKind(value as PoolKind)} options={KINDS} />
      </Field>
      {kind === "macvlan" && (
        <Field
          label="Interface"
          hint="Its servers are neighbours on that network: owners who must not meet need a VLAN each."
          error={errorAt("parent")}
        >
          <Input name="parent" required placeholder="eth1" autoComplete="off" className="font-mono" />
        </Field>
      )}
      <Field label="Range" hint="Such as 10.50.0.0/24 or fd12:3456::/64" error={errorAt("cidr")}>
        <Input name="cidr" required autoComplete="off" className="font-mono" />
      </Field>
      <Field label="Gateway" optional hint="Empty: the first address" error={errorAt("gateway")}>
        <Input name="gateway" autoComplete="off" className="font-mono" />
      </Field>
      <Field
        label="Exclusions"
        optional
        hint="Addresses or ranges such as 10.50.0.2-10.50.0.20, separated by commas"
        error={errorAt("exclusions")}
      >
        <Input name="exclusions" autoComplete="off" className="font-mono" />
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
