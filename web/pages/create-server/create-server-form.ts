/** The pure half of the create-server page: what it starts with, what is wrong with it, what is sent. */
import type { Node } from "../../../protocol/api/nodes.ts";
import type { CreateServerBody } from "../../../protocol/api/servers.ts";
import type { NetworkMode } from "../../../protocol/network.ts";
import { defaultHeadroomMb } from "../../../protocol/resource-limits.ts";
import type { Template, TemplateVariable } from "../../../protocol/template.ts";
import { ruleViolation } from "../../../protocol/template-rules.ts";

/** Everything as typed. `port` empty means: the node's next free one. */
export interface ServerForm {
  name: string;
  templateId: string;
  nodeId: string;
  image: string;
  memoryMb: string;
  cpuCores: string;
  diskMb: string;
  port: string;
  networkMode: NetworkMode;
  poolId: string;
  /** Empty: the pool's next free address. */
  poolIp: string;
  environment: Record<string, string>;
  startAfterInstall: boolean;
}

/** Messages by field: the names of `ServerForm`, and `environment.NAME` for variables. */
export type FormErrors = Record<string, string>;

const DEFAULT_DISK_MB = 10_240;

export const EMPTY_FORM: ServerForm = {
  name: "",
  templateId: "",
  nodeId: "",
  image: "",
  memoryMb: "",
  cpuCores: "",
  diskMb: String(DEFAULT_DISK_MB),
  port: "",
  networkMode: "bridge",
  poolId: "",
  poolIp: "",
  environment: {},
  startAfterInstall: true,
};

/** The form with a template chosen: its sizes, its image and its variables' defaults. */
export function withTemplate(form: ServerForm, template: Template): ServerForm {
  return {
    ...form,
    templateId: template.id,
    image: template.defaultImage ?? template.image,
    memoryMb: String(template.allocatedMemoryMb),
    cpuCores: String(template.allocatedCpuCores),
    environment: Object.fromEntries(template.variables.map((variable) => [variable.name, variable.default])),
  };
}

/** Memory that the container gets on top of what is typed, in MiB. */
export function headroomMb(form: ServerForm, template: Template | null): number {
  const memoryMb = Number(form.memoryMb);
  if (!template || !Number.isSafeInteger(memoryMb) || memoryMb <= 0) return 0;
  return defaultHeadroomMb(memoryMb, template.memoryHeadroomPercent ?? 0);
}

/** The values of a variable's `in:` rule, or null when it has none. */
export function choices(variable: TemplateVariable): string[] | null {
  const rule = variable.rules.find((candidate) => candidate.startsWith("in:"));
  return rule
    ? rule
        .slice(3)
        .split(",")
        .map((choice) => choice.trim())
    : null;
}

/** What is wrong with a variable's value, or null. */
export function variableError(variable: TemplateVariable, value: string): string | null {
  if (value === "" && variable.required) return "is required";
  return ruleViolation(value, variable.rules);
}

function wholeNumber(text: string, min: number, max: number): string | null {
  if (!/^\d+$/.test(text)) return "must be a whole number";
  const value = Number(text);
  if (value < min) return `must be at least ${min}`;
  return value > max ? `must be at most ${max}` : null;
}

/** Checks what the control plane would refuse, so that most mistakes are told while typing. */
export function formErrors(form: ServerForm, template: Template | null, node: Node | null): FormErrors {
  const errors: FormErrors = {};
  const note = (field: string, message: string | null) => {
    if (message) errors[field] = message;
  };
  note("name", form.name.trim() === "" ? "is required" : form.name.trim().length > 100 ? "is longer than 100" : null);
  note("templateId", template ? null : "Choose a game");
  note("nodeId", node ? null : "Choose a node");
  note("memoryMb", wholeNumber(form.memoryMb, 16, 1_048_576));
  note("diskMb", wholeNumber(form.diskMb, 16, 104_857_600));
  const cores = Number(form.cpuCores);
  note("cpuCores", form.cpuCores.trim() && cores >= 0.05 && cores <= 512 ? null : "must be from 0.05 to 512");
  if (form.networkMode === "pool" && form.poolId === "") note("poolId", "Choose a pool");
  if (form.port !== "") note("port", wholeNumber(form.port, 1, 65_535));
  const extraMb = headroomMb(form, template);
  if (node && !errors.memoryMb && Number(form.memoryMb) + extraMb > node.freeMemoryMb) {
    const withExtra = extraMb > 0 ? `with ${extraMb} MiB of head-room ` : "";
    errors.memoryMb = `${withExtra}is more than ${node.name} has left (${node.freeMemoryMb} MiB)`;
  }
  for (const variable of template?.variables ?? []) {
    if (!variable.userViewable) continue;
    note(`environment.${variable.name}`, variableError(variable, form.environment[variable.name] ?? ""));
  }
  return errors;
}

/** The request. Variables that the caller may not edit are left to the template. */
export function toBody(form: ServerForm, template: Template, editsEverything: boolean): CreateServerBody {
  const editable = template.variables.filter((variable) => variable.userEditable || editsEverything);
  return {
    name: form.name.trim(),
    templateId: form.templateId,
    nodeId: form.nodeId,
    allocatedMemoryMb: Number(form.memoryMb),
    allocatedCpuCores: Number(form.cpuCores),
    allocatedDiskMb: Number(form.diskMb),
    image: form.image,
    ...(form.networkMode === "bridge" ? {} : { networkMode: form.networkMode }),
    ...(form.networkMode === "pool" ? { poolId: form.poolId, ...(form.poolIp && { poolIp: form.poolIp }) } : {}),
    ...(form.port === "" ? {} : { primaryPort: Number(form.port) }),
    environment: Object.fromEntries(
      editable.map((variable) => [variable.name, form.environment[variable.name] ?? variable.default]),
    ),
    startAfterInstall: form.startAfterInstall,
  };
}

const FIELD_OF_PATH: Record<string, keyof ServerForm> = {
  allocatedMemoryMb: "memoryMb",
  allocatedCpuCores: "cpuCores",
  allocatedDiskMb: "diskMb",
  primaryPort: "port",
};

/** Places the control plane's `details` at the fields; what fits none is returned under the empty name. */
export function errorsFromDetails(details: readonly { path: string; message: string }[]): FormErrors {
  const errors: FormErrors = {};
  for (const { path, message } of details) {
    const field = FIELD_OF_PATH[path] ?? path;
    const known = field in EMPTY_FORM || field.startsWith("environment.");
    errors[known ? field : ""] = known ? message : `${path}: ${message}`;
  }
  return errors;
}

/** Recommended templates first, otherwise in the order given. */
export function inOrderOfOffer<T extends Pick<Template, "features">>(templates: readonly T[]): T[] {
  const isRecommended = ({ features }: T) => features.recommended === true;
  return [...templates.filter(isRecommended), ...templates.filter((template) => !isRecommended(template))];
}
