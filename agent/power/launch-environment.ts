/**
 * What a game is started with: its environment, and its command line with the placeholders filled. Pure.
 *
 * A `{{NAME}}` of the startup line becomes a shell expansion of the environment variable, never the text itself: the
 * shell does not read the value as commands, so somebody who may only set variables cannot run what he likes.
 */
import type { ServerSpec } from "../../protocol/spec.ts";

const PLACEHOLDER = /\{\{\s*([A-Za-z_][A-Za-z0-9_]*)\s*\}\}/g;

/** A startup line or a value names a variable that nobody set. */
export class UnknownVariableError extends Error {
  override name = "UnknownVariableError";
}

/** Fills placeholders with text. */
export function fillText(text: string, values: Record<string, string>): string {
  return text.replace(PLACEHOLDER, (_, name: string) => {
    const value = values[name];
    if (value === undefined) throw new UnknownVariableError(`It uses the variable ${name}, which has no value.`);
    return value;
  });
}

/** Turns placeholders into shell expansions, minding in which kind of quotes each stands. */
export function shellCommand(startup: string, values: Record<string, string>): string {
  let isInSingle = false;
  let isInDouble = false;
  let command = "";
  for (let at = 0; at < startup.length; ) {
    PLACEHOLDER.lastIndex = at;
    const match = startup.startsWith("{{", at) ? PLACEHOLDER.exec(startup) : null;
    if (match && match.index === at) {
      const name = match[1]!;
      if (values[name] === undefined) {
        throw new UnknownVariableError(`The startup command uses the variable ${name}, which has no value.`);
      }
      command += isInSingle ? `'"\${${name}}"'` : `\${${name}}`;
      at += match[0].length;
      continue;
    }
    const char = startup[at]!;
    if (char === "\\" && !isInSingle && at + 1 < startup.length) {
      command += char + startup[at + 1];
      at += 2;
      continue;
    }
    if (char === "'" && !isInDouble) isInSingle = !isInSingle;
    else if (char === '"' && !isInSingle) isInDouble = !isInDouble;
    command += char;
    at++;
  }
  return command;
}

/**
 * @param home the game's data folder as the game sees it.
 * @param timeZone value of `TZ` when the owner set none.
 */
export function launchEnvironment(spec: ServerSpec, home: string, timeZone: string): Record<string, string> {
  const primary = spec.allocations.find((allocation) => allocation.isPrimary) ?? spec.allocations[0];
  const reserved: Record<string, string> = {
    SERVER_ID: spec.id,
    SERVER_MEMORY: String(spec.memoryMb),
    SERVER_IP: primary?.ip ?? "0.0.0.0",
    SERVER_PORT: String(primary?.port ?? 0),
    HOME: home,
    TZ: spec.environment.TZ ?? timeZone,
  };
  const known = { ...spec.environment, ...reserved };
  const environment: Record<string, string> = {};
  for (const [name, value] of Object.entries(spec.environment)) {
    // A value may use other values, one level deep; what it names and does not exist stays as it is written.
    environment[name] = value.replace(PLACEHOLDER, (whole, other: string) => known[other] ?? whole);
  }
  Object.assign(environment, reserved);
  environment.STARTUP = spec.startup.replace(PLACEHOLDER, (whole, name: string) => environment[name] ?? whole);
  return environment;
}
