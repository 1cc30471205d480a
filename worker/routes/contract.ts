/** What every route is written with: one router, one way to describe bodies and answers. */
import { OpenAPIHono, z } from "@hono/zod-openapi";
import { failureSchema } from "../../protocol/api/envelope.ts";
import type { AppEnv } from "../context.ts";
import type { Page } from "../db/page.ts";
import { type ErrorDetail, Refusal } from "../errors.ts";

type Issue = z.core.$ZodIssue;

/** One detail a field; a field that is not known is named itself rather than the object it sits in. */
function detailsOf(issue: Issue): ErrorDetail[] {
  const path = issue.path.map(String);
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => ({ path: [...path, key].join("."), message: "is not a known field" }));
  }
  return [{ path: path.join("."), message: issue.message }];
}

export function refusalOfIssues(issues: readonly Issue[]): Refusal {
  const details = issues.flatMap(detailsOf);
  const first = details[0];
  const sentence = first ? `${first.path || "request"}: ${first.message}` : "The request is not valid.";
  return new Refusal("VALIDATION", sentence, { details });
}

/** A router whose validators refuse with the error contract. */
export function newRouter() {
  return new OpenAPIHono<AppEnv>({
    defaultHook: (result) => {
      if (result.success) return;
      // An id in a path that cannot exist is no mistake in the request: there is simply nothing there.
      if (result.target === "param") throw new Refusal("NOT_FOUND", "There is nothing at this address.");
      throw refusalOfIssues(result.error.issues as readonly Issue[]);
    },
  });
}

/** A JSON body that must be there, so that another content type cannot slip past validation. */
export const jsonBody = <T extends z.ZodType>(schema: T) => ({
  body: { content: { "application/json": { schema } }, required: true as const },
});

const failureAnswer = { content: { "application/json": { schema: failureSchema } }, description: "Failure" };

/** The answers of a route: success with this status and body, or a failure. */
export function answers<S extends 200 | 201 | 202, T extends z.ZodType>(status: S, schema: T) {
  return {
    [status]: { content: { "application/json": { schema } }, description: "Success" },
    default: failureAnswer,
  } as { [K in S]: { content: { "application/json": { schema: T } }; description: string } };
}

/** Answers that are not in the envelope, by status. */
export function answersWith<T extends Record<number, z.ZodType>>(schemas: T) {
  const described = Object.entries(schemas).map(([status, schema]) => [
    status,
    { content: { "application/json": { schema } }, description: "Answer" },
  ]);
  return Object.fromEntries(described) as {
    [K in keyof T]: { content: { "application/json": { schema: T[K] } }; description: string };
  };
}

/** The whole body of a success. */
export const done = <T>(data: T) => ({ success: true as const, data });

/** The whole body of a success that has nothing to tell. */
export const noDataSchema = z.object({ success: z.literal(true), data: z.null() });

/** The whole body of a successful list. */
export const donePage = <T>({ items, nextCursor }: Page<T>) => ({
  success: true as const,
  data: items,
  page: { nextCursor },
});

/** The whole body of a list that is short by nature and comes on one page. */
export const doneAll = <T>(items: T[]) => donePage({ items, nextCursor: null });
