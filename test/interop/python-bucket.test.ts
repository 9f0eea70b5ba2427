/**
 * The cases of pyarrow, of the Python SDK and of the official SDK's names, against a server over a
 * bucket of a real store: what works over files and memory works the same.
 *
 * What differs is written down here, with its answer, as in docs/scale-out.md.
 */
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, test } from "vitest";
import { campaign } from "../support/campaign.ts";
import { pythonEnvironment } from "../support/python-environment.ts";
import { missingS3Store, ownPrefix, type S3TestStore, startS3Store } from "../support/s3-store.ts";
import { listBucketRuns, throwFailureOf } from "./python-groups.ts";

const CASE_MS = 400_000;
const SDK = {
  INTEROP_FOLDER: fileURLToPath(new URL("../sdk/python", import.meta.url)),
  PYTHONPATH: fileURLToPath(new URL("../../python", import.meta.url)),
};
const BUCKET = process.env.TEST_S3_BUCKET ?? "tests";

/** Groups whose cases need nothing but a server. */
const GROUPS = campaign({
  slice: { interop: ["tables"], sdk: ["calls"] },
  whole: {
    interop: [
      "actions",
      "app_metadata",
      "catalogue",
      "compression",
      "concurrency",
      "deletions",
      "dictionaries",
      "keys",
      "object_refs",
      "opaque_puts",
      "patches",
      "retention",
      "shapes",
      "tables",
      "tickets",
      "versions",
    ],
    sdk: [
      "calls",
      "clients",
      "frame_patches",
      "frames",
      "kept",
      "official_names",
      "official_sdk",
      "pickles",
      "streams",
      "unsound",
      "values",
    ],
  },
});

/** Cases of what is different over a bucket. */
const ABSENT: ReadonlySet<string> = new Set([
  // An object id cannot end with a colon and digits.
  "keeps every legal id apart",
  "name the exact key first and are split at the last colon otherwise",
  // Sessions have no time to live.
  "a session has a time to live",
  "expire and renew",
  // No directory is shared with clients.
  "writes files into storage that the server serves",
  // The store's clock has whole seconds.
  "a time to live is the endpoints expiration time",
  "what has expired is not found and not listed",
]);

const missing = await missingS3Store();
const found = await pythonEnvironment();
const python = "python" in found && missing === undefined ? found.python : undefined;

/** Filled before the first server starts. */
const environment: Record<string, string> = {
  // Clients are not told of it: test/e2e/replica-loss.test.ts is about that.
  FLAME_CACHE_REPLICA_ENDPOINT: "none",
  AWS_ACCESS_KEY_ID: process.env.TEST_S3_ACCESS_KEY ?? "test",
  AWS_SECRET_ACCESS_KEY: process.env.TEST_S3_SECRET_KEY ?? "testtest",
};
const server = { storage: `s3://${BUCKET}/${ownPrefix().replace(/\/$/, "")}`, environment };
const runs = [
  ...listBucketRuns(python, GROUPS.interop, { server }),
  ...listBucketRuns(python, GROUPS.sdk, { environment: SDK, server }),
];

describe.skipIf(python === undefined)("Python and a bucket", () => {
  let store: S3TestStore;
  beforeAll(async () => {
    store = await startS3Store();
    environment.FLAME_CACHE_S3_ENDPOINT = store.endpoint;
  });
  afterAll(() => store.stop());

  test("have cases", ({ expect }) => expect(runs.length).toBeGreaterThan(0));

  for (const run of runs) {
    describe(run.title, () => {
      beforeAll(() => run.start());
      afterAll(() => run.stop());

      for (const name of run.cases.filter((each) => !ABSENT.has(each))) {
        test(name, { timeout: CASE_MS }, async (context) => {
          const result = await run.result(name);
          context.skip(result.status === "skipped", result.detail);
          throwFailureOf(result);
        });
      }
    });
  }
});
