import { RadioGroup } from "radix-ui";
import type { ReactNode } from "react";
import type { Node } from "../../../protocol/api/nodes.ts";
import type { Template } from "../../../protocol/template.ts";
import { formatMb } from "../../components/formatting.ts";
import { NodeBadge } from "../../components/state-badge.tsx";

function Choice({
  value,
  name,
  disabled = false,
  children,
}: {
  value: string;
  name: string;
  disabled?: boolean;
  children: ReactNode;
}) {
  return (
    <RadioGroup.Item
      value={value}
      aria-label={name}
      disabled={disabled}
      className="flex min-w-0 flex-col rounded-xl border bg-raised px-4 py-3 text-left transition-colors hover:border-input disabled:cursor-not-allowed disabled:opacity-60 data-[state=checked]:border-accent data-[state=checked]:bg-accent-soft/50 data-[state=checked]:ring-1 data-[state=checked]:ring-accent"
    >
      {children}
    </RadioGroup.Item>
  );
}

export function TemplateChoice({
  templates,
  value,
  onChange,
}: {
  templates: readonly Template[];
  value: string;
  onChange: (templateId: string) => void;
}) {
  if (templates.length === 0) {
    return <p className="text-sm text-subtle">There are no templates. An administrator can add some.</p>;
  }
  return (
    <RadioGroup.Root value={value} onValueChange={onChange} aria-label="Game" className="grid gap-3 sm:grid-cols-2">
      {templates.map((template) => (
        <Choice key={template.id} value={template.id} name={template.name}>
          <span className="flex items-baseline justify-between gap-3">
            <span className="truncate font-medium text-sm">{template.name}</span>
            <span className="shrink-0 text-faint text-xs tabular-nums">{formatMb(template.allocatedMemoryMb)}</span>
          </span>
          <span className="mt-0.5 line-clamp-2 text-[13px] text-subtle">{template.description}</span>
        </Choice>
      ))}
    </RadioGroup.Root>
  );
}

export function NodeChoice({
  nodes,
  value,
  onChange,
}: {
  nodes: readonly Node[];
  value: string;
  onChange: (nodeId: string) => void;
}) {
  return (
    <RadioGroup.Root value={value} onValueChange={onChange} aria-label="Node" className="grid gap-3 sm:grid-cols-2">
      {nodes.map((node) => (
        <Choice key={node.id} value={node.id} name={node.name} disabled={node.mode !== "active"}>
          <span className="flex items-center justify-between gap-3">
            <span className="truncate font-medium text-sm">{node.name}</span>
            <NodeBadge isOnline={node.isOnline} isEnrolled={node.isEnrolled} mode={node.mode} />
          </span>
          <span className="mt-0.5 truncate text-[13px] text-subtle tabular-nums">
            {node.mode === "active"
              ? `${formatMb(node.freeMemoryMb)} of ${formatMb(node.maxMemoryMb * node.memoryOvercommit)} memory free`
              : "Takes no new servers"}
          </span>
        </Choice>
      ))}
    </RadioGroup.Root>
  );
}
