import { defineConfig } from "vitest/config";
import { canSharePort } from "./src/relay/share-port.ts";

/** What talks to a server, run again with connections served by four threads. */
const SERVED = [
  "test/contract/cache-model.test.ts",
  "test/e2e/{client,flight,file}-*.test.ts",
  "test/interop/{pyarrow,statuses,flight-client,grpc-js,connect}.test.ts",
  "test/sdk/*.test.ts",
  "test/unit/grpc/{calls,call-ends,requests,server-close,tls}.test.ts",
  "test/unit/server/start-server.test.ts",
];

const once = { extends: true as const, test: { name: "once", include: ["test/**/*.test.ts"] } };
const threaded = {
  extends: true as const,
  test: { name: "4 threads", include: SERVED, env: { TEST_THREADS: "4" } },
};

export default defineConfig({
  test: {
    projects: canSharePort() ? [once, threaded] : [once],
    // Two cores: more workers than that only make real servers and clients wait for each other.
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 300_000,
  },
});
