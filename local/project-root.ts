import { join } from "node:path";

/** The folder with `package.json` and `wrangler.toml`, whatever folder a command was started in. */
export const projectRoot = join(import.meta.dirname, "..");
