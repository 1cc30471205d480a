import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type AgentBuild, buildName } from "../protocol/agent-update.ts";

/** The release, set by the bundler; null when the sources run as themselves. */
const RELEASE = process.env.CATALYST_AGENT_VERSION ?? null;

/** The build that runs, or null for sources. Read at once: an update may give the file another name. */
export const AGENT_BUILD: AgentBuild | null = RELEASE === null ? null : { version: RELEASE, sha256: ownHash() };

/** Names the build; see `buildName`. */
export const AGENT_VERSION = AGENT_BUILD ? buildName(AGENT_BUILD) : "0.0.0-source";

function ownHash(): string {
  return createHash("sha256")
    .update(readFileSync(fileURLToPath(import.meta.url)))
    .digest("hex");
}
