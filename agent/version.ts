/** Set by the bundler; the sources run as themselves. */
export const AGENT_VERSION = process.env.CATALYST_AGENT_VERSION ?? "0.0.0-source";
