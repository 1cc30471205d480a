import type { z } from "zod";
import { Refusal } from "../errors.ts";

/** An agent's answer is input like any other: it is checked, and one that does not fit is the node's fault. */
export function readAgentReply<T extends z.ZodType>(schema: T, data: unknown): z.output<T> {
  const parsed = schema.safeParse(data);
  if (parsed.success) return parsed.data;
  throw new Refusal("CONTAINER_ERROR", "The node answered something that makes no sense.", {
    internal: parsed.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.code}`).join("; "),
  });
}
