import { createRoute, z } from "@hono/zod-openapi";
import { sql } from "drizzle-orm";
import { CATALYST_VERSION } from "../version.ts";
import { answersWith, newRouter } from "./contract.ts";

const DATABASE_DEADLINE_MS = 3_000;
const healthSchema = z.object({ status: z.enum(["ok", "degraded"]), version: z.string(), database: z.boolean() });

export const healthRoutes = newRouter();

healthRoutes.openapi(
  createRoute({
    method: "get",
    path: "/health",
    tags: ["health"],
    summary: "Liveness, version, and whether the database answers",
    responses: answersWith({ 200: healthSchema, 503: healthSchema }),
  }),
  async (c) => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<boolean>((resolve) => {
      timer = setTimeout(() => resolve(false), DATABASE_DEADLINE_MS);
    });
    const answered = c
      .get("ctx")
      .db.execute(sql`select 1`)
      .then(
        () => true,
        () => false,
      );
    const database = await Promise.race([answered, late]).finally(() => clearTimeout(timer));
    const body = { status: database ? ("ok" as const) : ("degraded" as const), version: CATALYST_VERSION, database };
    return database ? c.json(body, 200) : c.json(body, 503);
  },
);
