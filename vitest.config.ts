import { cloudflareTest } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";

const rooms = "{protocol,worker,durable-objects,agent,web,local,templates}";

/** Four kinds of tests, told apart by file name; `tests/run.ts` says which need what. */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "unit",
          include: [`${rooms}/**/*.test.{ts,tsx}`],
          exclude: ["**/*.workers.test.ts", "**/*.pg.test.ts", "**/node_modules/**"],
        },
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
      {
        test: {
          name: "e2e",
          include: ["tests/**/*.test.ts"],
          exclude: ["**/node_modules/**"],
          fileParallelism: false,
          testTimeout: 180_000,
          hookTimeout: 180_000,
        },
      },
    ],
  },
});
