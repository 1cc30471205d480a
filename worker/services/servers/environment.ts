import { RESERVED_VARIABLES, type Template, type TemplateVariable } from "../../../protocol/template.ts";
import { ruleViolation } from "../../../protocol/template-rules.ts";
import { type ErrorDetail, Refusal } from "../../errors.ts";

export interface EnvironmentChange {
  given: Record<string, string>;
  /** What the server has now; empty for a new one. */
  current: Record<string, string>;
  /** Administrators may also set what the template keeps from owners. */
  mayEditAll: boolean;
}

const isReserved = (name: string) => (RESERVED_VARIABLES as readonly string[]).includes(name);

function violation(variable: TemplateVariable, value: string): string | null {
  if (value.includes("\0")) return "must not contain NUL characters";
  if (variable.required && value === "") return "is required";
  return ruleViolation(value, variable.rules);
}

/**
 * The complete environment of a server: what was given over what it had over the template's defaults, each value held
 * against its variable's rules.
 *
 * @throws Refusal VALIDATION naming every variable that is wrong
 */
export function settleEnvironment(template: Template, { given, current, mayEditAll }: EnvironmentChange) {
  const details: ErrorDetail[] = [];
  const object = (name: string, message: string) => details.push({ path: `environment.${name}`, message });
  const known = new Set(template.variables.map((variable) => variable.name));
  for (const name of Object.keys(given)) {
    if (isReserved(name)) object(name, "is set by Catalyst itself");
    else if (!known.has(name)) object(name, "is not a variable of this template");
  }
  const settled: Record<string, string> = {};
  for (const variable of template.variables) {
    const before = current[variable.name] ?? variable.default;
    const value = given[variable.name] ?? before;
    settled[variable.name] = value;
    if (value !== before && !variable.userEditable && !mayEditAll) object(variable.name, "is set by administrators");
    const wrong = violation(variable, value);
    if (wrong) object(variable.name, wrong);
  }
  const [first] = details;
  if (first)
    throw new Refusal("VALIDATION", `${first.path.replace("environment.", "")} ${first.message}.`, { details });
  return settled;
}

/** What a caller may see of an environment. */
export function visibleEnvironment(template: Template, environment: Record<string, string>, maySeeAll: boolean) {
  if (maySeeAll) return environment;
  const hidden = new Set(template.variables.filter(({ userViewable }) => !userViewable).map(({ name }) => name));
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !hidden.has(name)));
}

/** The image that a server of this template begins with. */
export const defaultImageOf = (template: Template): string => template.defaultImage ?? template.image;

/** The images that a server of this template can have, the default first. */
export function offeredImages(template: Template): { image: string; label: string }[] {
  const labelOf = (image: string) => template.images.find((choice) => choice.image === image)?.label ?? image;
  const offered = new Set([defaultImageOf(template), template.image, ...template.images.map(({ image }) => image)]);
  return [...offered].map((image) => ({ image, label: labelOf(image) }));
}

/** @throws Refusal VALIDATION when the image is not among the template's */
export function settleImage(template: Template, wanted: string | undefined): string {
  if (wanted === undefined) return defaultImageOf(template);
  if (offeredImages(template).some(({ image }) => image === wanted)) return wanted;
  const message = "is not among the template's images";
  throw new Refusal("VALIDATION", `image: ${message}`, { details: [{ path: "image", message }] });
}
