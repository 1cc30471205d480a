import { cloudflareTest } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";

const rooms = "{protocol,drizzle,worker,durable-objects,agent,web,local,templates,bench}";

/** What needs more than Node itself is told by its file name, so that each kind runs only where it can. */
const special = ["**/*.{workers,pg,browser,containers}.test.ts", "**/node_modules/**"];
/** Tests that start whole systems take the machine for themselves. */
const oneAtATime = { fileParallelism: false, testTimeout: 180_000, hookTimeout: 180_000 };

/** The kinds of tests; `tests/run.ts` says what each needs of the machine. */
export default defineConfig({
  test: {
    projects: [
      // A condition that a test waits for has a deadline of its own, which names it: that one shall come first.
      {
        test: { name: "unit", include: [`${rooms}/**/*.test.{ts,tsx}`], exclude: special, testTimeout: 30_000 },
      },
      {
        test: {
          name: "pg",
          include: [`${rooms}/**/*.pg.test.ts`],
          globalSetup: ["tests/postgres.global.ts"],
          testTimeout: 30_000,
          hookTimeout: 60_000,
        },
      },
      {
        plugins: [cloudflareTest({ wrangler: { configPath: "./wrangler.toml" } })],
        test: { name: "workers", include: [`${rooms}/**/*.workers.test.ts`], testTimeout: 30_000 },
      },
      { test: { name: "e2e", include: ["tests/**/*.test.ts"], exclude: special, ...oneAtATime } },
      { test: { name: "browser", include: ["tests/**/*.browser.test.ts"], ...oneAtATime } },
      {
        test: {
          name: "containers",
          include: ["{agent,tests}/**/*.containers.test.ts"],
          exclude: ["**/node_modules/**"],
          ...oneAtATime,
        },
      },
    ],
  },
});
