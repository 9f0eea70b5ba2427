/**
 * The long campaigns, one file at a time, because some of them measure: attacks against the built server, what else takes
 * minutes, and whole what `npm test` runs a slice of.
 *
 * `npm run test:slow`. What `npm test` runs is in vitest.config.ts.
 */
import { defineConfig } from "vitest/config";
import { canSharePort } from "./src/relay/share-port.ts";

/** Tests that use `campaign` (test/support/campaign.ts), or are made of groups that do. */
const CAMPAIGNS = [
  "test/contract/{cache,capacity}-model.test.ts",
  "test/contract/bucket-{model,garbage,sequence}.test.ts",
  "test/crash/{disk-storage,power-loss}.test.ts",
  "test/e2e/access-reload.test.ts",
  "test/e2e/http-memory.test.ts",
  "test/fuzz/{http2-damage,server-input}.test.ts",
  "test/interop/{mutated-tables,pyarrow,python-bucket}.test.ts",
  "test/sdk/{cross-language,python-sdk}.test.ts",
  "test/unit/cache/index-memory.test.ts",
  "test/unit/eviction/{policy-contract,workloads}.test.ts",
  "test/unit/http2/flow-control.test.ts",
];

/** What talks to a server, with connections served by four threads. */
const SERVED = [
  "test/contract/cache-model.test.ts",
  "test/e2e/{client,flight,file}-*.test.ts",
  "test/interop/{pyarrow,statuses,flight-client,grpc-js,connect}.test.ts",
  "test/sdk/*.test.ts",
  "test/unit/grpc/{calls,call-ends,requests,server-close,tls}.test.ts",
  "test/unit/service/start-server.test.ts",
];

const WHOLE = { TEST_CAMPAIGNS: "whole" };

const long = {
  extends: true as const,
  test: {
    name: "long",
    include: ["test/hostile/*.test.ts", "test/slow/**/*.test.ts"],
    exclude: ["test/hostile/short.test.ts"],
    testTimeout: 600_000,
  },
};
const whole = { extends: true as const, test: { name: "whole", include: CAMPAIGNS, env: WHOLE } };
const threaded = {
  extends: true as const,
  test: { name: "4 threads", include: SERVED, env: { ...WHOLE, TEST_THREADS: "4" } },
};

export default defineConfig({
  test: {
    projects: canSharePort() ? [long, whole, threaded] : [long, whole],
    maxWorkers: 1,
    fileParallelism: false,
    setupFiles: ["test/support/equal-bytes.ts"],
    testTimeout: 60_000,
    hookTimeout: 600_000,
  },
});
