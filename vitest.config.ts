/**
 * What `npm test` runs: everything but the attacks and test/slow, of campaigns a slice (test/support/campaign.ts), and a part
 * of the tests that talk to a server once more with four threads. The rest is in vitest.slow.config.ts.
 */
import { readdirSync, readFileSync } from "node:fs";
import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";
import { canSharePort } from "./src/relay/share-port.ts";

/** A part of what talks to a server, for the run with connections served by four threads. */
const SERVED_SLICE = [
  "test/contract/cache-model.test.ts",
  "test/e2e/flight-{get,put}.test.ts",
  "test/unit/grpc/{calls,call-ends,tls,client-certificates}.test.ts",
  "test/unit/service/start-server.test.ts",
];

/** Begun first: begun last, one of them would run alone at the end. */
const LONG = [
  "interop/pyarrow",
  "sdk/python-sdk",
  "e2e/cli-verbs",
  "unit/service/room",
  "crash/disk-storage",
  "hostile/short",
  "fuzz/server-input",
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

/** A file that replaces a module for itself does not share modules with others. */
const replacesModules = (file: string): boolean => /\bvi\.(mock|doMock)\(/.test(readFileSync(file, "utf8"));
/** One process runs these one after the other, and loads what they share once. Storage remembers what it has logged. */
const UNITS = readdirSync("test/unit", { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".test.ts") && !name.startsWith("storage/"))
  .map((name) => `test/unit/${name}`)
  .filter((file) => !replacesModules(file));

const units = { extends: true as const, test: { name: "units", include: UNITS, isolate: false } };
const once = {
  extends: true as const,
  test: { name: "once", include: ["test/**/*.test.ts"], exclude: [...SLOW, ...UNITS] },
};
const threaded = {
  extends: true as const,
  test: { name: "4 threads", include: SERVED_SLICE, env: { TEST_THREADS: "4" } },
};

export default defineConfig({
  test: {
    projects: canSharePort() ? [units, once, threaded] : [units, once],
    // For two cores: much of the tests' time is waiting: for a disk, a deadline or a server that starts.
    maxWorkers: 3,
    sequence: { sequencer: LongOnesFirst },
    setupFiles: ["test/support/equal-bytes.ts"],
    testTimeout: 60_000,
    hookTimeout: 300_000,
  },
});
