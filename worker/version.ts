import manifest from "../package.json" with { type: "json" };

/** Version of the control plane, from the one place that states it. */
export const CATALYST_VERSION: string = manifest.version;
