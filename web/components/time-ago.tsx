import { useEffect, useState } from "react";
import { formatInstant, formatRelative } from "./formatting.ts";

const REFRESH_MS = 20_000;

/** A moment seen from now, kept up to date; the exact time is its title. */
export function TimeAgo({ at, className }: { at: string; className?: string }) {
  const [nowMs, setNowMs] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNowMs(Date.now()), REFRESH_MS);
    return () => clearInterval(timer);
  }, []);
  return (
    <time dateTime={at} title={formatInstant(at)} className={className}>
      {formatRelative(at, Math.max(nowMs, Date.now()))}
    </time>
  );
}
