/**
 * The long campaigns: attacks against the built server, and what else takes minutes. One at a time, because they measure.
 *
 * `npm run test:slow`. What `npm test` runs is in vitest.config.ts.
 */
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/hostile/*.test.ts", "test/slow/**/*.test.ts"],
    exclude: ["test/hostile/short.test.ts"],
    maxWorkers: 1,
    fileParallelism: false,
    testTimeout: 600_000,
    hookTimeout: 600_000,
  },
});
