/** Whether something keeps the agent running. */
import { access } from "node:fs/promises";
import type { Finding } from "../../protocol/findings.ts";
import { ok, warning } from "./finding.ts";

const UNIT = "catalyst-agent.service";
const UNIT_FOLDERS = [
  "/etc/systemd/system",
  "/usr/local/lib/systemd/system",
  "/usr/lib/systemd/system",
  "/lib/systemd/system",
];

const exists = (file: string) =>
  access(file).then(
    () => true,
    () => false,
  );

/**
 * @param environment of the agent: whoever supervises says so, and systemd gives each service an `INVOCATION_ID`.
 */
export async function checkService(environment: NodeJS.ProcessEnv, folders = UNIT_FOLDERS): Promise<Finding[]> {
  const [id, subject] = ["service", "Service"];
  if (environment.CATALYST_AGENT_SUPERVISOR === "npm-start") {
    return [ok(id, subject, "Kept running by npm start, for as long as that runs.")];
  }
  const units = await Promise.all(folders.map((folder) => exists(`${folder}/${UNIT}`)));
  if (!units.some(Boolean)) {
    return [
      warning(
        id,
        subject,
        "There is no systemd unit: nothing starts the agent after a crash or a reboot.",
        "Run the command that connects this node again (Reinstall agent).",
      ),
    ];
  }
  if (environment.CATALYST_AGENT_SUPERVISOR === "systemd" || environment.INVOCATION_ID)
    return [ok(id, subject, "Kept running by systemd.")];
  return [
    warning(
      id,
      subject,
      "The agent was started by hand, beside its systemd unit.",
      "End it and start the service instead.",
    ),
  ];
}
