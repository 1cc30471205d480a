import { timingSafeEqual } from "node:crypto";

/** Whether a request is the daily call of the process that started this edge: nobody else knows its token. */
export function isDailyCall(request: Request, token: string | undefined): boolean {
  if (!token || request.method !== "POST") return false;
  const given = new TextEncoder().encode(request.headers.get("authorization") ?? "");
  const known = new TextEncoder().encode(`Bearer ${token}`);
  return given.length === known.length && timingSafeEqual(given, known);
}
