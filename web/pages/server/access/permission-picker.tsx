import { Checkbox } from "../../../components/ui/checkbox.tsx";
import { Field } from "../../../components/ui/field.tsx";
import { Select } from "../../../components/ui/select.tsx";
import { ALWAYS, PERMISSION_GROUPS, PRESETS, presetOf } from "./permission-groups.ts";

const OWN_CHOICE = "own choice";

/**
 * A ready-made set, or each permission by itself.
 *
 * @param mayGive nobody hands out what they do not hold themselves
 */
export function PermissionPicker({
  value,
  onChange,
  mayGive,
}: {
  value: readonly string[];
  onChange: (permissions: string[]) => void;
  mayGive: (permission: string) => boolean;
}) {
  const held = new Set(value);
  const preset = presetOf(value);
  const toggle = (permission: string, isHeld: boolean) =>
    onChange(isHeld ? [...new Set([...value, permission])] : value.filter((one) => one !== permission));
  return (
    <div className="flex flex-col gap-4">
      <Field label="Access" hint={preset?.description ?? "Each permission as chosen below."}>
        <Select
          value={preset?.name ?? OWN_CHOICE}
          onValueChange={(name) => {
            const chosen = PRESETS.find((candidate) => candidate.name === name);
            if (chosen) onChange([...chosen.permissions]);
          }}
          options={[
            ...PRESETS.map(({ name, permissions }) => ({
              value: name,
              label: name,
              disabled: !permissions.every(mayGive),
            })),
            ...(preset ? [] : [{ value: OWN_CHOICE, label: "Own choice" }]),
          ]}
        />
      </Field>
      <div className="grid gap-x-4 gap-y-4 sm:grid-cols-2">
        {PERMISSION_GROUPS.map((group) => (
          <fieldset key={group.name} className="min-w-0">
            <legend className="px-2 pb-1 font-medium text-[13px] text-subtle">{group.name}</legend>
            {group.permissions.map(([permission, words]) => (
              <Checkbox
                key={permission}
                checked={held.has(permission)}
                disabled={!mayGive(permission)}
                onChange={(event) => toggle(permission, event.target.checked)}
              >
                {words}
              </Checkbox>
            ))}
          </fieldset>
        ))}
      </div>
      <p className="text-subtle text-xs">
        Whoever has access sees the server in their list{held.has(ALWAYS) ? "." : " once this is saved."} Only its owner
        can delete it.
      </p>
    </div>
  );
}
