import { type Answer, call, type Panel } from "./panel.ts";

/** Somebody who signed in with a password of their own and has no more than the role User. */
export interface Member {
  email: string;
  password: string;
  id: string;
  token: string;
  api<T = unknown>(method: string, path: string, body?: unknown): Promise<Answer<T>>;
}

export async function member(panel: Panel, name: string): Promise<Member> {
  const password = `a password of ${name}`;
  const email = `${name}@example.com`;
  const { id } = await panel.must<{ id: string }>("POST", "/api/users", { email, username: name, password });
  const { token } = await panel.must<{ token: string }>("POST", "/api/auth/login", { email, password });
  return {
    id,
    email,
    password,
    token,
    api: (method, path, body) => call(panel.url, method, path, body, token),
  };
}
