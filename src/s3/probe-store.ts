/**
 * Finds out whether a store can coordinate replicas: which conditions it implements, and whether
 * they are atomic when they are raced.
 *
 * Writes about a hundred small objects under a key of its own, and removes them. Bounded in time.
 * A store that passes may still lose writes in a crash: its durability is not checked.
 */
import { isCacheError } from "../errors.ts";
import { LIMITS } from "../limits.ts";
import { logFor } from "../log.ts";
import { checkConditions } from "./probe/check-conditions.ts";
import { type ProbeFindings, ProbeRun, StoreRefused } from "./probe/probe-run.ts";
import { raceConditions } from "./probe/race-conditions.ts";
import type { S3Bucket } from "./s3-bucket.ts";

export type { ProbeFindings, Verdict } from "./probe/probe-run.ts";

const log = logFor("s3");

export interface ProbeReport {
  /** Why the store is not usable, in words; undefined if it is. */
  readonly refusal: string | undefined;
  readonly found: Readonly<ProbeFindings>;
  readonly tookMs: number;
}

/**
 * @param prefix of the keys that the checks use
 * @throws {CacheError} STORAGE_UNAVAILABLE if the store cannot be reached
 */
export async function probeStore(bucket: S3Bucket, prefix: string): Promise<ProbeReport> {
  const startMs = performance.now();
  const run = new ProbeRun(bucket, prefix);
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<string>((resolve) => {
    const text = `its checks took longer than ${LIMITS.s3ProbeMs / 1000} s`;
    timer = setTimeout(() => resolve(text), LIMITS.s3ProbeMs);
  });
  try {
    const refusal = await Promise.race([refusalOf(run, bucket), late]);
    return { refusal, found: run.found, tookMs: performance.now() - startMs };
  } finally {
    clearTimeout(timer);
  }
}

async function refusalOf(run: ProbeRun, bucket: S3Bucket): Promise<string | undefined> {
  try {
    await checkConditions(run, bucket);
    await raceConditions(run);
    return undefined;
  } catch (error) {
    if (error instanceof StoreRefused) return error.message;
    if (isCacheError(error, "STORAGE_IO") || isCacheError(error, "OBJECT_CORRUPT")) return error.message;
    throw error;
  } finally {
    await run.clean().catch((error: unknown) => {
      log.warn("objects of the checks stay in the store", { prefix: run.prefix, error });
    });
  }
}
