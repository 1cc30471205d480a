/** Figures and times as people read them. Pure. */

const KIB = 1024;
const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"] as const;

/** Bytes with three significant digits at most: `512 B`, `1.5 GiB`. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= KIB && unit < UNITS.length - 1) {
    value /= KIB;
    unit += 1;
  }
  return `${value >= 100 || unit === 0 ? Math.round(value) : Number(value.toFixed(1))} ${UNITS[unit]}`;
}

export function formatMb(mb: number): string {
  return formatBytes(mb * KIB * KIB);
}

/** CPU as percent of one core, the field's habit: 250 % is two and a half cores. */
export function formatPercent(percent: number): string {
  return `${percent >= 10 ? Math.round(percent) : percent.toFixed(1)} %`;
}

export function formatCores(cores: number): string {
  return `${Number(cores.toFixed(2))} ${cores === 1 ? "core" : "cores"}`;
}

/** A duration in its two largest units: `3 d 4 h`, `12 min 5 s`. */
export function formatDuration(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  const parts: [number, string][] = [
    [Math.floor(seconds / 86_400), "d"],
    [Math.floor(seconds / 3600) % 24, "h"],
    [Math.floor(seconds / 60) % 60, "min"],
    [seconds % 60, "s"],
  ];
  const first = parts.findIndex(([value]) => value > 0);
  if (first < 0) return "0 s";
  return parts
    .slice(first, first + 2)
    .filter(([value]) => value > 0)
    .map(([value, unit]) => `${value} ${unit}`)
    .join(" ");
}

const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });

/** A moment seen from now: `5 minutes ago`, `in 2 hours`. */
export function formatRelative(iso: string, nowMs: number): string {
  const seconds = Math.round((Date.parse(iso) - nowMs) / 1000);
  const distance = Math.abs(seconds);
  if (distance < 45) return seconds <= 0 ? "just now" : "in a moment";
  if (distance < 45 * 60) return relative.format(Math.round(seconds / 60), "minute");
  if (distance < 22 * 3600) return relative.format(Math.round(seconds / 3600), "hour");
  if (distance < 26 * 86_400) return relative.format(Math.round(seconds / 86_400), "day");
  if (distance < 320 * 86_400) return relative.format(Math.round(seconds / (30 * 86_400)), "month");
  return relative.format(Math.round(seconds / (365 * 86_400)), "year");
}

const full = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
/** A moment in the reader's own time zone. */
export function formatInstant(iso: string): string {
  return full.format(new Date(iso));
}
