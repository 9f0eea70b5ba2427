import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";
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

/** These take a minute and more: begun last, one of them would run alone at the end. */
const LONG = [
  "interop/pyarrow",
  "crash/disk-storage",
  "sdk/python-sdk",
  "e2e/cli-verbs",
  "crash/power-loss",
  "e2e/bench-smoke",
  "interop/flight-client-bulk",
].map((name) => `/test/${name}.test.ts`);

class LongOnesFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification): number => {
      const found = LONG.findIndex((end) => moduleId.endsWith(end));
      return found === -1 ? LONG.length : found;
    };
    return files.sort((a, b) => place(a) - place(b));
  }
}

/** Run by `npm run test:slow` (vitest.slow.config.ts). */
const SLOW = ["test/slow/**", "test/hostile/!(short).test.ts"];

const once = {
  extends: true as const,
  test: { name: "once", include: ["test/**/*.test.ts"], exclude: SLOW },
};
const threaded = {
  extends: true as const,
  test: { name: "4 threads", include: SERVED, env: { TEST_THREADS: "4" } },
};

export default defineConfig({
  test: {
    projects: canSharePort() ? [once, threaded] : [once],
    // Two cores: more workers than that only make real servers and clients wait for each other.
    maxWorkers: 2,
    sequence: { sequencer: LongOnesFirst },
    testTimeout: 60_000,
    hookTimeout: 300_000,
  },
});
