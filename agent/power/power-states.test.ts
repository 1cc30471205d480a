/** The table in docs/power-states.md is made from the state machine itself, and fails here when it is no longer true. */
import { expect, test } from "vitest";
import { serverSpec } from "../testing/server-spec.ts";
import { deadlines } from "./deadlines.ts";
import type { PowerInput, SpecFacts, Transition } from "./power-types.ts";
import type { ServerStatus } from "./server-status.ts";
import { COMMANDS, DEADLINE_INPUTS, NOW, PLAIN_FACTS, REPORTS, statusOf } from "./testing/every-status.ts";
import { transition } from "./transitions.ts";

const ROWS: [string, ServerStatus][] = [
  ["stopped", statusOf("stopped")],
  ["stopped, restarts", statusOf("stopped", { restartAt: NOW + 4_000, desiredPower: "running" })],
  ["starting, launching", statusOf("starting", { isLaunching: true, desiredPower: "running" })],
  [
    "starting, launching by itself",
    statusOf("starting", { isLaunching: true, isAutomatic: true, desiredPower: "running" }),
  ],
  ["starting, launched", statusOf("starting", { desiredPower: "running" })],
  ["running", statusOf("running", { desiredPower: "running" })],
  ["stopping, launching", statusOf("stopping", { isLaunching: true })],
  ["stopping", statusOf("stopping")],
  ["stopping, then start", statusOf("stopping", { next: "start", desiredPower: "running" })],
  ["installing", statusOf("installing", { installedGeneration: 0 })],
  [
    "installing, then start",
    statusOf("installing", { installedGeneration: 0, next: "start", desiredPower: "running" }),
  ],
  ["crashed", statusOf("crashed", { desiredPower: "running" })],
  ["crashed, restarts", statusOf("crashed", { restartAt: NOW + 4_000, desiredPower: "running" })],
  ["error", statusOf("error")],
  ["error, cannot be ended", statusOf("error", { isLingering: true })],
  ["suspended", statusOf("suspended")],
];

const isSame = (before: ServerStatus, after: ServerStatus) => JSON.stringify(before) === JSON.stringify(after);

function outcome(before: ServerStatus, { status, effects, answer }: Transition): string {
  if (answer && !answer.ok) return `*${answer.code}*`;
  if (isSame(before, status) && effects.length === 0) return "";
  const notes = [
    status.next === "start" && "then start",
    status.restartAt !== null && "restarts",
    status.isLingering && "cannot be ended",
    status.isHeld && "held",
  ].filter(Boolean);
  const where = [status.state, ...notes].join(", ");
  const acts = effects.map((effect) => `+${effect.replaceAll("_", " ")}`).join(" ");
  return `${where}${acts && ` ${acts}`}${answer?.ok && answer.reply.alreadyUnderWay ? " (under way)" : ""}`;
}

function table(inputs: Record<string, PowerInput>, facts: SpecFacts = PLAIN_FACTS): string {
  const names = Object.keys(inputs).filter((name) =>
    ROWS.some(([, before]) => outcome(before, transition(before, facts, inputs[name]!, NOW)) !== ""),
  );
  const lines = ROWS.map(([name, before]) => {
    const cells = names.map((input) => outcome(before, transition(before, facts, inputs[input]!, NOW)));
    return `| ${[name, ...cells].join(" | ")} |`;
  });
  return [`| state | ${names.join(" | ")} |`, `|${" --- |".repeat(names.length + 1)}`, ...lines].join("\n");
}

function deadlineTable(): string {
  const spec = serverSpec({ startTimeoutSeconds: 300, stopTimeoutSeconds: 30, installTimeoutSeconds: 1800 });
  const rows: [string, ServerStatus][] = [
    ...ROWS,
    ["stopping, killed", statusOf("stopping", { isKilled: true })],
    ["installing, cut short", statusOf("installing", { stopAskedAt: NOW - 1_000 })],
  ];
  const lines = rows.flatMap(([name, status]) => {
    const all = deadlines(status, spec).map(({ name: end, waitMs, everyMs }) => {
      return `${end.replaceAll("_", " ")} after ${waitMs / 1000} s${everyMs ? `, then every ${everyMs / 1000} s` : ""}`;
    });
    return all.length === 0 ? [] : [`| ${name} | ${all.join("; ")} |`];
  });
  return ["| state | deadlines |", "| --- | --- |", ...lines].join("\n");
}

test("the documented table is the state machine's", async () => {
  const text = `# Power: every state and what it makes of everything

This file is made by \`agent/power/power-states.test.ts\` from the state machine (\`agent/power/transitions.ts\`), which
\`agent/power/exploration.test.ts\` explores in every combination. \`npx vitest run --project unit -u
agent/power/power-states\` writes it anew.

A cell is the state that follows, what comes after it, and what is done (\`+\`); a word in italics is a refusal; an empty
cell changes nothing. The server has an install script and the policy \`on-failure\`.

## Commands
${table(COMMANDS)}

## Commands while the server is suspended
${table(COMMANDS, { ...PLAIN_FACTS, isSuspended: true })}

## Commands while the node is under maintenance
${table(COMMANDS, { ...PLAIN_FACTS, isHeld: true })}

## What the runtime reports
${table(REPORTS)}

## Deadlines
Of a server with 30 s to stop, 300 s to start and 1800 s to install; counted from when the state was entered, so that a
restart of the agent adds nothing.

${deadlineTable()}

## What a deadline does
\`terminate\` and \`kill\` are signals; the others decide:

${table(DEADLINE_INPUTS)}

## A new spec
${table({ unchanged: { type: "spec" } })}

Of a suspended server, of one whose node is under maintenance, and with a newer wish:

${[
  ["suspended", { isSuspended: true }],
  ["maintenance", { isHeld: true }],
  ["shall run", { desiredPower: "running" as const, desiredPowerAt: NOW }],
  ["shall not run", { desiredPower: "stopped" as const, desiredPowerAt: NOW }],
]
  .map(
    ([name, change]) => `### ${name}\n${table({ spec: { type: "spec" } }, { ...PLAIN_FACTS, ...(change as object) })}`,
  )
  .join("\n\n")}
`;
  await expect(text).toMatchFileSnapshot("../../docs/power-states.md");
});
