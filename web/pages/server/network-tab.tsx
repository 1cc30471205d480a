import { Info, Plus, Star, X } from "lucide-react";
import { type FormEvent, useState } from "react";
import type { ServerAllocation } from "../../../protocol/api/server-network.ts";
import type { ServerDetail } from "../../../protocol/api/servers.ts";
import { formatEndpoint } from "../../../protocol/endpoint.ts";
import { can, useMe } from "../../api/account.ts";
import {
  useAddAllocation,
  useAvailableAllocations,
  useMakePrimary,
  useNoteAllocation,
  useRemoveAllocation,
  useServerAllocations,
} from "../../api/network.ts";
import { allows } from "../../api/servers.ts";
import { FailureNotice, toastFailure } from "../../components/failure-notice.tsx";
import { formFailure } from "../../components/form-failure.tsx";
import { formText } from "../../components/form-text.ts";
import { Badge } from "../../components/ui/badge.tsx";
import { Button } from "../../components/ui/button.tsx";
import { Card, CardHeader } from "../../components/ui/card.tsx";
import { Dialog, DialogActions } from "../../components/ui/dialog.tsx";
import { Field } from "../../components/ui/field.tsx";
import { Input } from "../../components/ui/input.tsx";
import { Select } from "../../components/ui/select.tsx";
import { Skeleton } from "../../components/ui/skeleton.tsx";
import { NetworkModeCard } from "./network-mode-card.tsx";

/** The ports of a server and the network it is in. */
export function NetworkTab({ server }: { server: ServerDetail }) {
  const me = useMe().data;
  const allocations = useServerAllocations(server.id, `${server.updatedAt} ${server.status} ${server.primaryPort}`);
  const [adding, setAdding] = useState(false);
  const items = allocations.data?.items ?? [];
  return (
    <div className="mx-auto flex w-full max-w-4xl flex-col gap-6 px-4 py-6 sm:px-6 lg:px-8">
      {server.networkAppliesAtNextStart && (
        <p role="status" className="flex items-start gap-3 rounded-xl border bg-muted px-4 py-3 text-sm">
          <Info className="mt-0.5 size-4 shrink-0 text-subtle" aria-hidden />
          The server runs with the network it was started with. The changes apply at its next start.
        </p>
      )}
      <Card aria-label="Ports" className="overflow-hidden">
        <CardHeader
          title="Ports"
          description="Players connect to the primary port; the game is told it as SERVER_PORT. Each port carries TCP and UDP."
          actions={
            allows(server, "allocation.create") && (
              <Button size="small" onClick={() => setAdding(true)}>
                <Plus aria-hidden /> Add port
              </Button>
            )
          }
        />
        {allocations.isError && !allocations.data && (
          <FailureNotice error={allocations.error} onRetry={() => void allocations.refetch()} className="m-5 mt-0" />
        )}
        {allocations.isPending && <Skeleton className="m-5 mt-0 h-12" />}
        <ul className="divide-y border-t">
          {items.map((allocation) => (
            <PortRow key={allocation.id} server={server} allocation={allocation} />
          ))}
        </ul>
      </Card>
      <NetworkModeCard
        key={`${server.networkMode} ${server.pool?.ip ?? ""}`}
        server={server}
        mayChange={can(me, "admin.write") && can(me, "pool.read")}
      />
      <Dialog
        open={adding}
        onOpenChange={setAdding}
        title="Add a port"
        description={
          server.status === "stopped"
            ? "Any free one, or one of your choice."
            : "A running server has it from its next start on."
        }
      >
        <AddPortForm server={server} onDone={() => setAdding(false)} />
      </Dialog>
    </div>
  );
}

function PortRow({ server, allocation }: { server: ServerDetail; allocation: ServerAllocation }) {
  const makePrimary = useMakePrimary(server.id);
  const remove = useRemoveAllocation(server.id);
  const note = useNoteAllocation(server.id);
  const { id, ip, port, alias, notes, isPrimary, appliesAtNextStart } = allocation;
  const mayUpdate = allows(server, "allocation.update");
  return (
    <li className="flex flex-wrap items-center gap-x-4 gap-y-2 px-5 py-3">
      <div className="min-w-0 sm:w-64">
        <p className="truncate font-mono text-[13px]">{formatEndpoint(alias ?? ip, port)}</p>
        <p className="mt-1 flex flex-wrap gap-1.5 empty:hidden">
          {isPrimary && <Badge>Primary</Badge>}
          {appliesAtNextStart && <Badge>Applies at next start</Badge>}
        </p>
      </div>
      <Input
        key={notes ?? ""}
        aria-label={`Notes for port ${port}`}
        placeholder={mayUpdate ? "What it is for" : ""}
        defaultValue={notes ?? ""}
        maxLength={500}
        disabled={!mayUpdate}
        className="min-w-40 flex-1"
        onBlur={(event) => {
          const text = event.target.value.trim();
          if (text !== (notes ?? "")) note.mutate({ id, notes: text || null }, { onError: toastFailure });
        }}
      />
      <div className="flex items-center gap-1 empty:hidden">
        {!isPrimary && mayUpdate && (
          <Button
            variant="ghost"
            size="small"
            busy={makePrimary.isPending}
            onClick={() => makePrimary.mutate(id, { onError: toastFailure })}
          >
            <Star aria-hidden /> Make primary
          </Button>
        )}
        {!isPrimary && allows(server, "allocation.delete") && (
          <Button
            variant="ghost"
            size="icon-small"
            aria-label={`Remove port ${port}`}
            onClick={() => remove.mutate(id, { onError: toastFailure })}
          >
            <X />
          </Button>
        )}
      </div>
    </li>
  );
}

const ANY = "any";

function AddPortForm({ server, onDone }: { server: ServerDetail; onDone: () => void }) {
  const available = useAvailableAllocations(server.id);
  const add = useAddAllocation(server.id);
  const [ip, setIp] = useState(ANY);
  const { notice, errorAt } = formFailure(add.error);
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const port = formText(new FormData(event.currentTarget))("port");
    add.mutate(
      { ...(ip === ANY ? {} : { ip }), ...(port === "" ? {} : { port: Number(port) }) },
      { onSuccess: onDone },
    );
  };
  const addresses = available.data?.addresses ?? [];
  const free = (available.data?.free ?? []).filter((each) => ip === ANY || each.ip === ip);
  return (
    <form onSubmit={submit} className="flex flex-col gap-4">
      {notice}
      <Field label="Port" optional hint="Empty: any free one" error={errorAt("port")}>
        <Input
          name="port"
          inputMode="numeric"
          pattern="\d{1,5}"
          placeholder="Any"
          autoComplete="off"
          list="free-ports"
        />
      </Field>
      <datalist id="free-ports">
        {free.map((each) => (
          <option key={each.id} value={each.port}>
            {each.alias ?? each.ip}
          </option>
        ))}
      </datalist>
      {addresses.length > 1 && (
        <Field label="Address" error={errorAt("ip")}>
          <Select
            value={ip}
            onValueChange={setIp}
            options={[
              { value: ANY, label: "Any" },
              ...addresses.map((each) => ({
                value: each.ip,
                label: each.alias ? `${each.ip} (${each.alias})` : each.ip,
              })),
            ]}
          />
        </Field>
      )}
      {available.data && (
        <p className="text-[13px] text-subtle">
          {available.data.used} of {available.data.limit} ports are used.
        </p>
      )}
      <DialogActions>
        <Button onClick={onDone}>Cancel</Button>
        <Button type="submit" variant="primary" busy={add.isPending}>
          Add
        </Button>
      </DialogActions>
    </form>
  );
}
