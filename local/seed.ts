/**
 * Fills a new database with what every installation has: preset roles, game templates, a location and a first
 * administrator.
 *
 * `DATABASE_URL=… npm run db:seed -- --admin-email you@example.com` does it for a deployment. What is there already is
 * left as it is, so running it again adds only what is missing.
 */
import { randomBytes } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { and, eq, isNull, sql } from "drizzle-orm";
import { drizzle, type NodePgDatabase } from "drizzle-orm/node-postgres";
import pg from "pg";
import { v7 as uuidv7 } from "uuid";
import { auditLog, locations, roles, sessions, templates, userRoles, users } from "../drizzle/schema/index.ts";
import { emailSchema, passwordSchema } from "../protocol/api/auth.ts";
import { PRESET_ROLES } from "../protocol/permissions.ts";
import { type Template, templateSchema } from "../protocol/template.ts";
import { hashPassword, verifyPassword } from "../worker/auth/password.ts";
import { databaseUrlFromEnvironment } from "./database-url.ts";
import { projectRoot } from "./project-root.ts";

export interface SeedOptions {
  adminEmail: string;
  /** Null generates one, if the administrator has to be made. */
  adminPassword: string | null;
  /** Made when the database has no location yet. */
  location: { id: string; name: string };
}

export interface SeedResult {
  /** The administrator's password where it is known: made, set anew or just given; null when it was left alone. */
  adminPassword: string | null;
  /** True when the administrator was made by this call. */
  isNewAdmin: boolean;
}

type Transaction = Parameters<Parameters<NodePgDatabase["transaction"]>[0]>[0];

/** All or nothing: a seed that is cut short leaves the database as it was. */
export async function seed(databaseUrl: string, options: SeedOptions): Promise<SeedResult> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    return await drizzle(client).transaction(async (tx) => {
      await tx.execute(sql`lock table roles in exclusive mode`);
      await seedRoles(tx);
      await seedTemplates(tx);
      await seedLocation(tx, options.location);
      return seedAdmin(tx, options);
    });
  } finally {
    await client.end();
  }
}

async function seedRoles(tx: Transaction): Promise<void> {
  for (const [name, permissions] of Object.entries(PRESET_ROLES)) {
    const row = { id: name.toLowerCase(), name, permissions: [...permissions], isPreset: true };
    await tx.insert(roles).values(row).onConflictDoNothing();
  }
}

async function seedTemplates(tx: Transaction): Promise<void> {
  const known = await tx.select({ id: templates.id }).from(templates).limit(1);
  // Only at first: a template that an administrator deleted must not come back.
  if (known.length > 0) return;
  for (const definition of readTemplates()) {
    await tx.insert(templates).values({ id: definition.id, name: definition.name, definition }).onConflictDoNothing();
  }
}

/** @throws naming the file that is no template. */
export function readTemplates(folder = join(projectRoot, "templates")): Template[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith(".json"))
    .sort()
    .map((name) => {
      const parsed = templateSchema.safeParse(JSON.parse(readFileSync(join(folder, name), "utf8")));
      if (parsed.success) return parsed.data;
      const [issue] = parsed.error.issues;
      throw new Error(`templates/${name}: ${issue?.path.join(".")}: ${issue?.message}`);
    });
}

async function seedLocation(tx: Transaction, location: { id: string; name: string }): Promise<void> {
  const known = await tx.select({ id: locations.id }).from(locations).limit(1);
  if (known.length === 0) await tx.insert(locations).values(location);
}

async function seedAdmin(tx: Transaction, { adminEmail, adminPassword }: SeedOptions): Promise<SeedResult> {
  const [known] = await tx.select().from(users).where(eq(users.email, adminEmail));
  if (known) {
    if (adminPassword !== null) await setPassword(tx, known, adminPassword);
    return { adminPassword, isNewAdmin: false };
  }
  const hasAdmin = await tx.execute(sql`select 1 from user_roles where role_id = 'administrator' limit 1`);
  // Somebody else administers this installation: another administrator is made only when asked for by password.
  if (hasAdmin.rowCount && adminPassword === null) return { adminPassword: null, isNewAdmin: false };
  const id = uuidv7();
  const password = adminPassword ?? randomBytes(15).toString("base64url");
  const username = await freeUsername(tx, adminEmail);
  await tx.insert(users).values({ id, email: adminEmail, username, passwordHash: await hashPassword(password) });
  await tx.insert(userRoles).values({ userId: id, roleId: "administrator" });
  await audit(tx, "user.create", id);
  return { adminPassword: password, isNewAdmin: true };
}

/** Sets a password and ends the user's sessions, unless it is the one they have. */
async function setPassword(tx: Transaction, user: typeof users.$inferSelect, password: string): Promise<void> {
  const verdict = await verifyPassword(password, user.passwordHash);
  if (verdict.matches) return;
  const revokedAt = new Date();
  await tx
    .update(users)
    .set({ passwordHash: await hashPassword(password) })
    .where(eq(users.id, user.id));
  await tx
    .update(sessions)
    .set({ revokedAt })
    .where(and(eq(sessions.userId, user.id), isNull(sessions.revokedAt)));
  await audit(tx, "auth.password", user.id);
}

/** From the e-mail address, with a number behind it when that is taken. */
async function freeUsername(tx: Transaction, email: string): Promise<string> {
  const base = (email.split("@")[0] ?? "")
    .replace(/[^A-Za-z0-9_.-]/g, "")
    .replace(/^[^A-Za-z0-9]+/, "")
    .slice(0, 24);
  const name = base.length >= 3 ? base : "admin";
  for (let number = 1; ; number++) {
    const candidate = number === 1 ? name : `${name}${number}`;
    const taken = await tx.execute(sql`select 1 from users where lower(username) = lower(${candidate})`);
    if (taken.rowCount === 0) return candidate;
  }
}

async function audit(tx: Transaction, action: string, userId: string): Promise<void> {
  const row = { id: uuidv7(), action, targetType: "user", targetId: userId, details: { by: "command line" } };
  await tx.insert(auditLog).values(row);
}

function commandLine(): { "admin-email"?: string; "admin-password"?: string } {
  try {
    return parseArgs({ options: { "admin-email": { type: "string" }, "admin-password": { type: "string" } } }).values;
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exit(1);
  }
}

if (import.meta.main) {
  const values = commandLine();
  const email = emailSchema.safeParse(values["admin-email"] ?? process.env.CATALYST_ADMIN_EMAIL ?? "");
  const given = values["admin-password"] ?? process.env.CATALYST_ADMIN_PASSWORD ?? null;
  const password = passwordSchema.nullable().safeParse(given);
  if (!email.success || !password.success) {
    console.error("Give --admin-email an e-mail address, and --admin-password (if at all) 10 characters or more.");
    process.exit(1);
  }
  const result = await seed(databaseUrlFromEnvironment(), {
    adminEmail: email.data,
    adminPassword: password.data,
    location: { id: "default", name: "Default" },
  });
  if (result.isNewAdmin) console.log(`Administrator ${email.data}, password: ${result.adminPassword}`);
  else console.log(`The database was seeded before; ${email.data} can sign in as before.`);
}
