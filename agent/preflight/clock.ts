import type { Finding } from "../../protocol/findings.ts";
import { error, ok, warning } from "./finding.ts";

/** A message takes a while to come, so less than this is nothing. */
const SKEW_WARNING_MS = 10_000;
/** From here on certificates and the order of power requests suffer. */
const SKEW_ERROR_MS = 5 * 60_000;

function inWords(ms: number): string {
  const seconds = Math.round(Math.abs(ms) / 1000);
  if (seconds < 120) return `${seconds} seconds`;
  return seconds < 7_200 ? `${Math.round(seconds / 60)} minutes` : `${Math.round(seconds / 3_600)} hours`;
}

/** @param skewMs how far this machine's clock is ahead of the control plane's; null when nothing was compared yet. */
export function judgeClock(skewMs: number | null): Finding[] {
  if (skewMs === null) return [];
  const [id, subject] = ["clock", "Clock"];
  const off = Math.abs(skewMs);
  if (off < SKEW_WARNING_MS) return [ok(id, subject, "Agrees with the panel's.")];
  const message = `This machine's clock is ${inWords(skewMs)} ${skewMs > 0 ? "ahead of" : "behind"} the panel's.`;
  const remedy = "Let the machine set its clock over the network, for example with systemd-timesyncd or chrony.";
  return [(off < SKEW_ERROR_MS ? warning : error)(id, subject, message, remedy)];
}
