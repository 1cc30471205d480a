import { type FormEvent, useState } from "react";
import { toast } from "sonner";
import type { ServerDetail } from "../../../protocol/api/servers.ts";
import { CRASH_WINDOW_SECONDS_MAX, CRASH_WINDOW_SECONDS_MIN, MAX_CRASHES_LIMIT } from "../../../protocol/limits.ts";
import type { RestartPolicy } from "../../../protocol/restart-policy.ts";
import { allows, useSetRestartPolicy } from "../../api/servers.ts";
import { formFailure } from "../../components/form-failure.tsx";
import { Button } from "../../components/ui/button.tsx";
import { Card, CardBody, CardHeader } from "../../components/ui/card.tsx";
import { Field } from "../../components/ui/field.tsx";
import { Input } from "../../components/ui/input.tsx";
import { Select } from "../../components/ui/select.tsx";

const POLICIES: { value: RestartPolicy; label: string; hint: string }[] = [
  {
    value: "on-failure",
    label: "Start it again after a crash",
    hint: "A game that ends with exit code 0 stays stopped.",
  },
  { value: "always", label: "Always start it again", hint: "Also when it ended by itself with exit code 0." },
  { value: "never", label: "Leave it as it is", hint: "A crashed server waits for somebody to start it." },
];

/** What the node does when the game ends without having been asked to. */
export function RestartPolicySettings({ server }: { server: ServerDetail }) {
  const save = useSetRestartPolicy(server.id);
  const [policy, setPolicy] = useState(server.restartPolicy);
  const mayEdit = allows(server, "startup.update");
  const { notice, errorAt } = formFailure(save.error);
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    save.mutate(
      {
        policy,
        ...(form.has("maxCrashes") ? { maxCrashes: Number(form.get("maxCrashes")) } : {}),
        ...(form.has("windowSeconds") ? { windowSeconds: Number(form.get("windowSeconds")) } : {}),
      },
      { onSuccess: () => toast.success("Saved. It holds from now on.") },
    );
  };
  return (
    <Card>
      <CardHeader
        title="When the game ends by itself"
        description="Its node sees to this, also while the panel is out of reach."
      />
      <CardBody>
        <form onSubmit={submit} className="flex flex-col gap-4">
          <Field label="Restart policy" hint={POLICIES.find(({ value }) => value === policy)?.hint}>
            <Select
              value={policy}
              onValueChange={(value) => setPolicy(value as RestartPolicy)}
              options={POLICIES.map(({ value, label }) => ({ value, label }))}
              disabled={!mayEdit}
            />
          </Field>
          {policy !== "never" && (
            <fieldset disabled={!mayEdit} className="grid gap-4 sm:grid-cols-2">
              <Field label="Give up after" hint="Crashes" error={errorAt("maxCrashes")}>
                <Input
                  name="maxCrashes"
                  type="number"
                  required
                  min={1}
                  max={MAX_CRASHES_LIMIT}
                  defaultValue={server.maxCrashes}
                />
              </Field>
              <Field label="Within" hint="Seconds" error={errorAt("windowSeconds")}>
                <Input
                  name="windowSeconds"
                  type="number"
                  required
                  min={CRASH_WINDOW_SECONDS_MIN}
                  max={CRASH_WINDOW_SECONDS_MAX}
                  defaultValue={server.crashWindowSeconds}
                />
              </Field>
            </fieldset>
          )}
          {notice}
          {mayEdit && (
            <Button type="submit" variant="primary" busy={save.isPending} className="self-end">
              Save
            </Button>
          )}
        </form>
      </CardBody>
    </Card>
  );
}
