/**
 * One replica in a process of its own, which a test may kill: BucketObjects over a real store.
 *
 * Options come as one argument of JSON. Calls and answers are messages; the first message says that
 * the replica is ready. Its clocks can be wrong, and a collector of garbage with short ages can run
 * beside the calls.
 */
import { LIMITS } from "../../../src/limits.ts";
import { staticCredentials } from "../../../src/s3/credentials/credentials.ts";
import { S3Bucket } from "../../../src/s3/s3-bucket.ts";
import { BucketObjects } from "../../../src/storage/s3/bucket-objects.ts";
import { GarbageCollector } from "../../../src/storage/s3/garbage-collector.ts";
import { PrefixedBucket } from "../../../src/storage/s3/prefixed-bucket.ts";
import { SYSTEM_TIMING, type Timing } from "../../../src/storage/s3/timing.ts";
import { removeUnreferenced } from "../../support/hasty-collector.ts";
import { Random } from "../../support/random.ts";
import { type Defect, DefectiveBucket } from "./defective-bucket.ts";
import { type AskedCall, answerCall } from "./replica-calls.ts";

/** Ages of garbage, and what has to be shorter than they are, ms. */
export type ShortAges = Partial<
  Record<"garbageAgeMs" | "garbageGraceMs" | "blobCommitMsMax" | "versionFloorTrustMs", number>
>;

export interface ReplicaProcessOptions {
  readonly endpoint: string;
  readonly bucket: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly prefix: string;
  readonly answerMs: number;
  readonly seed: number;
  readonly cacheBytesMax?: number;
  readonly clock?: { readonly aheadMs?: number; readonly rate?: number };
  readonly defect?: Defect;
  readonly ages?: ShortAges;
  /** Runs a collector, a pass after another with a pause of this length. */
  readonly collectEveryMs?: number;
  /** Its collector waits for nobody: a defect. */
  readonly isHasty?: boolean;
}

const options = JSON.parse(process.argv[2] ?? "{}") as ReplicaProcessOptions;
Object.assign(LIMITS, options.ages);

/** The process has this clock: signatures of requests too. */
function timingOf({ aheadMs = 0, rate = 1 }: NonNullable<ReplicaProcessOptions["clock"]>): Timing {
  const { now } = Date;
  const begunMs = now();
  Date.now = () => Math.floor(begunMs + aheadMs + (now() - begunMs) * rate);
  return { ...SYSTEM_TIMING, monotonicMs: () => performance.now() * rate };
}

const { accessKeyId, secretAccessKey, answerMs, endpoint } = options;
const store = new S3Bucket({
  bucket: options.bucket,
  endpoint,
  credentials: staticCredentials({ accessKeyId, secretAccessKey }),
  times: { answerMs, idleMs: answerMs },
});
const whole = new PrefixedBucket(store, options.prefix);
const bucket = options.defect === undefined ? whole : new DefectiveBucket(whole, options.defect);
const timing = timingOf(options.clock ?? {});
const objects = new BucketObjects(bucket, { timing, cacheBytesMax: options.cacheBytesMax ?? 24_000 });
const random = new Random(options.seed);

async function collect(everyMs: number): Promise<never> {
  const collector = new GarbageCollector(objects, { removesTombstones: true });
  for (;;) {
    await SYSTEM_TIMING.pause(everyMs * (0.5 + Math.random()));
    if (options.isHasty) await removeUnreferenced(bucket).catch(() => {});
    // A store that fails a pass is asked again by the next one.
    const counts = await collector.pass().catch(() => undefined);
    if (counts !== undefined) process.send!({ counts });
  }
}

process.on("message", async ({ id, call }: { readonly id: number; readonly call: AskedCall }) => {
  process.send!({ id, answer: await answerCall(objects, call, random) });
});
process.on("disconnect", () => process.kill(process.pid, "SIGKILL"));
process.send!({ isReady: true });
if (options.collectEveryMs !== undefined) void collect(options.collectEveryMs);
