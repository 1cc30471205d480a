import { z } from "zod";
import { slugSchema } from "./ids.ts";
import { stopCommandDefect, stopSignalSchema } from "./stop-signal.ts";
import { ruleDefect } from "./template-rules.ts";

/** Variables that Catalyst sets itself; a template cannot define them. */
export const RESERVED_VARIABLES = [
  "SERVER_MEMORY",
  "SERVER_IP",
  "SERVER_PORT",
  "SERVER_ID",
  "TZ",
  "STARTUP",
  "HOME",
] as const;

export const variableNameSchema = z
  .string()
  .regex(/^[A-Z][A-Z0-9_]{0,63}$/, "use upper-case letters, digits and underscores, starting with a letter");

export const templateVariableSchema = z.strictObject({
  name: variableNameSchema.refine(
    (name) => !(RESERVED_VARIABLES as readonly string[]).includes(name),
    "is a reserved variable",
  ),
  description: z.string().max(500).default(""),
  default: z.string().max(4096).default(""),
  required: z.boolean().default(false),
  input: z.enum(["text", "number", "select", "checkbox", "password"]).default("text"),
  rules: z
    .array(
      z
        .string()
        .max(500)
        .superRefine((rule, context) => {
          const defect = ruleDefect(rule);
          if (defect) context.addIssue({ code: "custom", message: defect });
        }),
    )
    .max(20)
    .default([]),
  userViewable: z.boolean().default(true),
  userEditable: z.boolean().default(true),
});
export type TemplateVariable = z.infer<typeof templateVariableSchema>;

export const configFileSchema = z.strictObject({
  path: z.string().min(1).max(500),
  parser: z.enum(["properties", "yaml", "json", "ini", "xml", "toml", "file"]),
  /** Key path in the file → value with `{{PLACEHOLDER}}`s; applied before each start. */
  values: z.record(z.string(), z.string()),
});
export type ConfigFile = z.infer<typeof configFileSchema>;

/** Longest an install script may run by default, and the most a template may ask for. */
export const INSTALL_TIMEOUT_DEFAULT_SECONDS = 30 * 60;
export const INSTALL_TIMEOUT_MAX_SECONDS = 4 * 60 * 60;

/** A game template: what a server of this game runs, what can be set, how it starts and stops. */
export const templateSchema = z.strictObject({
  id: slugSchema,
  name: z.string().min(1).max(100),
  description: z.string().max(2000).default(""),
  author: z.string().max(100).default(""),
  version: z.string().max(50).default("1.0.0"),
  image: z.string().min(1).max(300),
  images: z
    .array(
      z.strictObject({
        name: z.string().max(64),
        label: z.string().max(100).optional(),
        image: z.string().min(1).max(300),
      }),
    )
    .max(20)
    .default([]),
  defaultImage: z.string().max(300).optional(),
  installImage: z.string().max(300).optional(),
  /** Run by its first line's program, else `sh`, in the server's data folder before the first start; empty when nothing is to be installed. */
  installScript: z.string().max(100_000).default(""),
  /** Scripts may then add packages to the install container's image; files are the server's afterwards in any case. */
  installAsRoot: z.boolean().default(true),
  installTimeoutSeconds: z
    .number()
    .int()
    .min(1)
    .max(INSTALL_TIMEOUT_MAX_SECONDS)
    .default(INSTALL_TIMEOUT_DEFAULT_SECONDS),
  /** Command line with `{{VARIABLE}}`s, run by `sh -c` in the data folder. */
  startup: z.string().min(1).max(4000),
  /** A line for the console, or a signal: its name, `^C` for SIGINT, `^\\` for SIGQUIT. */
  stopCommand: z
    .string()
    .max(500)
    .superRefine((command, context) => {
      const defect = stopCommandDefect(command);
      if (defect) context.addIssue({ code: "custom", message: defect });
    })
    .default(""),
  /** Signal sent to stop the server instead of a command. */
  sendSignalTo: stopSignalSchema.optional(),
  /** Time the server gets to stop by itself before SIGTERM and then SIGKILL. */
  stopTimeoutSeconds: z.number().int().min(1).max(600).default(30),
  /** Console text, or `/regex/`, that turns `starting` into `running`; without it a started server is running. */
  readyPattern: z.string().max(500).default(""),
  /** Time to become ready; past it a server whose process lives counts as running, with a note. */
  startTimeoutSeconds: z.number().int().min(1).max(3600).default(300),
  variables: z.array(templateVariableSchema).max(100).default([]),
  configFiles: z.array(configFileSchema).max(50).default([]),
  supportedPorts: z.array(z.number().int().min(1).max(65535)).max(100).default([]),
  allocatedMemoryMb: z.number().int().min(16).max(1_048_576).default(1024),
  allocatedCpuCores: z.number().min(0.05).max(512).default(1),
  /**
   * Memory on top of the server's own for what a managed runtime needs beside its heap, in percent of it (see
   * `defaultHeadroomMb`); 0 for games that keep to what they are given.
   */
  memoryHeadroomPercent: z.number().int().min(0).max(100).default(0),
  /** `recommended: true` puts a template first where somebody chooses one; other keys are the template's own. */
  features: z.record(z.string(), z.unknown()).default({}),
});
export type Template = z.infer<typeof templateSchema>;
/** A template as somebody writes it, defaults left out. */
export type TemplateInput = z.input<typeof templateSchema>;
