import type { FormEvent } from "react";
import { toast } from "sonner";
import type { ServerDetail } from "../../../protocol/api/servers.ts";
import { can, useMe } from "../../api/account.ts";
import { useUpdateServer } from "../../api/servers.ts";
import { formFailure } from "../../components/form-failure.tsx";
import { Button } from "../../components/ui/button.tsx";
import { Card, CardBody, CardHeader } from "../../components/ui/card.tsx";
import { Field } from "../../components/ui/field.tsx";
import { Input } from "../../components/ui/input.tsx";
import { FOR_ADMINISTRATORS, limitChanges } from "./limit-changes.ts";

const SAVED = "Saved. A running server follows where it can; the page says what waits.";

export function LimitSettings({ server, diskNotice }: { server: ServerDetail; diskNotice: string | null }) {
  const me = useMe().data;
  const update = useUpdateServer(server.id);
  const { notice, errorAt } = formFailure(update.error);
  const isAdministrator = can(me, "admin.write");
  const mayEdit = isAdministrator || server.ownerId === me?.id;
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const changes = limitChanges(new FormData(event.currentTarget), server, isAdministrator);
    if (Object.keys(changes).length === 0) return void toast("Nothing was changed.");
    update.mutate(changes, { onSuccess: () => toast.success(SAVED) });
  };
  const total = server.allocatedMemoryMb + server.memoryHeadroomMb;
  const number = (name: keyof ServerDetail & string, placeholder?: string) => (
    <Input name={name} inputMode="decimal" placeholder={placeholder} defaultValue={String(server[name] ?? "")} />
  );
  return (
    <Card>
      <CardHeader
        title="Limits"
        description="The most this server may use. A running server follows at once, but for what its field says."
      />
      <CardBody>
        {/* What was saved becomes the form's own, also when the empty field means a default. */}
        <form key={server.updatedAt} onSubmit={submit} noValidate className="flex flex-col gap-5">
          <fieldset disabled={!mayEdit} className="grid gap-4 sm:grid-cols-3">
            <Field
              label="Memory"
              hint={`MiB${server.memoryHeadroomMb > 0 ? ` · ${total} with head-room` : ""}. Less than is in use waits; a game may learn of it at its next start`}
              error={errorAt("allocatedMemoryMb")}
            >
              {number("allocatedMemoryMb")}
            </Field>
            <Field label="CPU" hint="Cores" error={errorAt("allocatedCpuCores")}>
              {number("allocatedCpuCores")}
            </Field>
            <Field
              label="Disk"
              hint="MiB. More: at once where the node can, else when it is next stopped. Less: once it is stopped and its files fit"
              error={errorAt("allocatedDiskMb")}
            >
              {number("allocatedDiskMb")}
            </Field>
          </fieldset>
          {diskNotice && <p className="text-pretty text-[13px] text-subtle">{diskNotice}</p>}
          <details className="group rounded-lg border px-4 py-3">
            <summary className="cursor-pointer select-none rounded font-medium text-[13px]">Advanced limits</summary>
            <fieldset disabled={!mayEdit} className="mt-4 grid gap-4 sm:grid-cols-2">
              <Field
                label="Memory head-room"
                hint={
                  server.hasOwnHeadroom
                    ? "MiB on top of the memory, for a runtime such as Java. Empty: by the game"
                    : `MiB on top of the memory, for a runtime such as Java. By the game: ${server.memoryHeadroomMb}`
                }
                error={errorAt("memoryHeadroomMb")}
              >
                <Input
                  name="memoryHeadroomMb"
                  inputMode="numeric"
                  placeholder="By the game"
                  defaultValue={server.hasOwnHeadroom ? server.memoryHeadroomMb : ""}
                />
              </Field>
              <Field
                label="Time to stop"
                hint="Seconds before it is ended by force, from the next stop on. Empty: by the game"
                error={errorAt("stopTimeoutSeconds")}
              >
                {number("stopTimeoutSeconds", String(server.templateStopTimeoutSeconds))}
              </Field>
              <Field label="Processes" hint="Threads count too" error={errorAt("pidsLimit")}>
                {number("pidsLimit")}
              </Field>
              <Field label="Open files" hint="Changes at the next start, not before" error={errorAt("openFilesLimit")}>
                {number("openFilesLimit")}
              </Field>
            </fieldset>
            <fieldset disabled={!isAdministrator} className="mt-5 grid gap-4 border-t pt-4 sm:grid-cols-3">
              <legend className="sr-only">{FOR_ADMINISTRATORS}</legend>
              <Field label="Swap" hint="MiB; 0 for none" error={errorAt("swapMb")}>
                {number("swapMb")}
              </Field>
              <Field label="CPU pinning" hint="Such as 0-1,3. Empty: every CPU" error={errorAt("cpuPinning")}>
                <Input name="cpuPinning" placeholder="Every CPU" defaultValue={server.cpuPinning ?? ""} />
              </Field>
              <Field
                label="I/O weight"
                hint="10 to 1000. Not every kernel weighs; the node's checks say so"
                error={errorAt("ioWeight")}
              >
                {number("ioWeight", "100")}
              </Field>
            </fieldset>
            {!isAdministrator && <p className="mt-3 text-subtle text-xs">{FOR_ADMINISTRATORS}</p>}
          </details>
          {notice}
          {mayEdit && (
            <Button type="submit" variant="primary" busy={update.isPending} className="self-end">
              Save
            </Button>
          )}
        </form>
      </CardBody>
    </Card>
  );
}
