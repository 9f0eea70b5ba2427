/**
 * One replica over a bucket in memory, in virtual time, with short forms of its calls.
 */
import type { ObjectKey } from "../../src/object/object-key.ts";
import { BucketObjects, type FoundObject, type GetTerms } from "../../src/storage/s3/bucket-objects.ts";
import type { Written } from "../../src/storage/s3/manifest-write.ts";
import type { PatchTerms, PutTerms, Refusal } from "../../src/storage/s3/object-changes.ts";
import { BucketContents, MemoryBucket, type MemoryBucketOptions } from "./memory-bucket.ts";
import { Random } from "./random.ts";
import type { ClockFault } from "./virtual-time.ts";

export const KEY: ObjectKey = { applicationId: "app", sessionId: "session", objectId: "1" };
export const FACTS: PutTerms = { form: "file", kind: "opaque", rowCount: 1, dataBytes: 5 };
export const HOUR_MS = 3_600_000;

export interface BucketReplicaOptions extends Partial<MemoryBucketOptions> {
  readonly cacheBytesMax?: number;
  readonly clock?: ClockFault;
}

export class BucketReplica {
  readonly contents: BucketContents;
  readonly bucket: MemoryBucket;
  readonly objects: BucketObjects;

  constructor({
    contents = new BucketContents(),
    cacheBytesMax,
    clock,
    ...options
  }: BucketReplicaOptions = {}) {
    this.contents = contents;
    this.bucket = new MemoryBucket({ contents, ...options });
    const timing = contents.time.timing(new Random(7), clock);
    this.objects = new BucketObjects(this.bucket, {
      timing,
      ...(cacheBytesMax === undefined ? {} : { cacheBytesMax }),
    });
  }

  /** Another replica over the same bucket. */
  beside(options: BucketReplicaOptions = {}): BucketReplica {
    return new BucketReplica({ ...options, contents: this.contents });
  }

  run<Result>(work: Promise<Result>): Promise<Result> {
    return this.contents.time.run(work);
  }

  /** Hours pass for everybody. */
  async later(ms: number): Promise<void> {
    await this.run(this.contents.time.pause(ms));
  }

  /** Requests that `work` costs. */
  async costOf(work: () => Promise<unknown>): Promise<number> {
    const before = this.bucket.requestCount;
    await this.run(work());
    return this.bucket.requestCount - before;
  }

  async put(value: string | Uint8Array, terms: Partial<PutTerms> = {}, key = KEY): Promise<Written<Refusal>> {
    const staged = this.objects.stage(key);
    await staged.append([Buffer.from(value)]);
    return await this.objects.put(key, await staged.finish(), { ...FACTS, ...terms });
  }

  async patch(value: string | Uint8Array, terms: PatchTerms = {}, key = KEY): Promise<Written<Refusal>> {
    const staged = this.objects.stagePatch(key);
    await staged.append([Buffer.from(value)]);
    return await this.objects.patch(key, await staged.finish(), terms);
  }

  async delete(key = KEY): Promise<Written<Refusal>> {
    return await this.objects.delete(key);
  }

  /** Base and patches; undefined if there is no object. */
  async get(terms: GetTerms = {}, key = KEY): Promise<string[] | undefined> {
    return await this.objects.use(key, terms, valuesOf);
  }
}

export async function valuesOf(found: FoundObject): Promise<string[] | undefined> {
  if (found.kind !== "found") return undefined;
  const { reader } = found;
  const values = [(await reader.readAll(reader.live.base)).toString()];
  for await (const { content } of reader.patches()) values.push((await reader.readAll(content)).toString());
  return values;
}
