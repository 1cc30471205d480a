/**
 * Speaks to the panel's API as the administrator who runs `npm start`: the same routes, checks and audit as for
 * anybody, by a session that lasts for the few calls and is gone afterwards.
 */
import pg from "pg";
import { v7 as uuidv7 } from "uuid";
import { signSession } from "../worker/auth/token.ts";

export interface OperatorOptions {
  panelUrl: string;
  databaseUrl: string;
  /** The value of `JWT_KEYS`. */
  jwtKeys: string;
}

export interface Operator {
  /** @throws with the API's own sentence when it refuses. */
  call<T>(method: string, path: string, body?: unknown): Promise<T>;
}

const SESSION_MS = 10 * 60 * 1000;

/** Runs `work` with an administrator's session, which is removed again whatever happens. */
export async function asOperator<T>(options: OperatorOptions, work: (operator: Operator) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: options.databaseUrl });
  await client.connect();
  const sessionId = uuidv7();
  try {
    const userId = await findAdministrator(client);
    const expiresAt = new Date(Date.now() + SESSION_MS);
    await client.query("insert into sessions (id, user_id, user_agent, expires_at) values ($1, $2, 'npm start', $3)", [
      sessionId,
      userId,
      expiresAt,
    ]);
    const token = await signSession({ sessionId, userId }, options.jwtKeys, Date.now(), expiresAt);
    return await work({ call: (method, path, body) => call(options.panelUrl + path, method, token, body) });
  } finally {
    await client.query("delete from sessions where id = $1", [sessionId]).catch(() => {});
    await client.end();
  }
}

async function findAdministrator(client: pg.Client): Promise<string> {
  const found = await client.query<{ id: string }>(
    `select u.id from users u join user_roles ur on ur.user_id = u.id join roles r on r.id = ur.role_id
     where '*' = any(r.permissions) and not u.is_banned order by u.created_at limit 1`,
  );
  const id = found.rows[0]?.id;
  if (!id) throw new Error("no administrator is left: give --admin-email and --admin-password to make one");
  return id;
}

async function call<T>(url: string, method: string, token: string, body?: unknown): Promise<T> {
  const response = await fetch(url, {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(30_000),
  });
  const answer = (await response.json()) as { success: boolean; data: T; error?: string };
  if (!answer.success) throw new Error(`${method} ${new URL(url).pathname}: ${answer.error}`);
  return answer.data;
}
