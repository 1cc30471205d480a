import type { TemplateVariable } from "../../protocol/template.ts";
import { choices } from "../pages/create-server/create-server-form.ts";
import { Field } from "./ui/field.tsx";
import { Input } from "./ui/input.tsx";
import { Select } from "./ui/select.tsx";
import { Switch } from "./ui/switch.tsx";

/** Checkboxes store one of two words; which two, the variable's own rule or default says. */
function checkboxWords(variable: TemplateVariable): { on: string; off: string } {
  const allowed = choices(variable) ?? [];
  return allowed.includes("1") || ["0", "1"].includes(variable.default)
    ? { on: "1", off: "0" }
    : { on: "true", off: "false" };
}

/** The control that a template's variable asks for. */
export function VariableInput({
  variable,
  value,
  onChange,
  error,
  disabled = false,
}: {
  variable: TemplateVariable;
  value: string;
  onChange: (value: string) => void;
  error?: string | undefined;
  disabled?: boolean;
}) {
  const label = <span className="font-mono text-[13px]">{variable.name}</span>;
  const hint = variable.description || undefined;
  if (variable.input === "checkbox") {
    const { on, off } = checkboxWords(variable);
    return (
      <Field label={label} hint={hint} error={error}>
        <Switch
          checked={value === on}
          onCheckedChange={(checked) => onChange(checked ? on : off)}
          disabled={disabled}
        />
      </Field>
    );
  }
  const options = variable.input === "select" ? choices(variable) : null;
  if (options) {
    return (
      <Field label={label} hint={hint} error={error}>
        <Select
          value={value}
          onValueChange={onChange}
          options={options.map((option) => ({ value: option, label: option }))}
          placeholder="Choose"
          disabled={disabled}
        />
      </Field>
    );
  }
  return (
    <Field
      label={label}
      hint={hint}
      error={error}
      optional={!variable.required && !variable.rules.includes("required")}
    >
      <Input
        type={variable.input === "password" ? "password" : "text"}
        inputMode={variable.input === "number" ? "decimal" : undefined}
        autoComplete="off"
        spellCheck={false}
        value={value}
        disabled={disabled}
        onChange={(event) => onChange(event.target.value)}
      />
    </Field>
  );
}
