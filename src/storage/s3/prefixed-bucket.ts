/**
 * The part of a bucket under a prefix: several caches can share one bucket, and a cache can share
 * it with other programs.
 *
 * Every name gets the prefix on its way to the store and loses it on its way back.
 */
import { CacheError } from "../../errors.ts";
import { LIMITS } from "../../limits.ts";
import type {
  Bucket,
  Condition,
  ListedKey,
  ReadOptions,
  ReadOutcome,
  Upload,
  WriteOutcome,
} from "../../s3/bucket.ts";

export class PrefixedBucket implements Bucket {
  readonly #bucket: Bucket;
  readonly #prefix: string;

  /**
   * @param prefix without a slash at its beginning and its end.
   * @throws {CacheError} INVALID_CONFIG if the longest name would be longer than S3 accepts.
   */
  constructor(bucket: Bucket, prefix: string) {
    const max = LIMITS.bucketPrefixBytesMax;
    if (Buffer.byteLength(prefix) > max) {
      throw new CacheError("INVALID_CONFIG", `the prefix in the bucket is longer than ${max} bytes`);
    }
    this.#bucket = bucket;
    this.#prefix = `${prefix}/`;
  }

  read(key: string, options: ReadOptions): Promise<ReadOutcome> {
    return this.#bucket.read(this.#prefix + key, options);
  }

  readRange(
    key: string,
    position: number,
    lengthBytes: number,
    signal?: AbortSignal,
  ): Promise<Buffer | undefined> {
    return this.#bucket.readRange(this.#prefix + key, position, lengthBytes, signal);
  }

  write(key: string, chunks: readonly Uint8Array[], condition?: Condition): Promise<WriteOutcome> {
    return this.#bucket.write(this.#prefix + key, chunks, condition);
  }

  upload(key: string): Upload {
    return this.#bucket.upload(this.#prefix + key);
  }

  remove(key: string, ifMatch?: string): Promise<WriteOutcome> {
    return this.#bucket.remove(this.#prefix + key, ifMatch);
  }

  removeMany(keys: readonly string[]): Promise<void> {
    return this.#bucket.removeMany(keys.map((key) => this.#prefix + key));
  }

  async *list(prefix: string, signal?: AbortSignal): AsyncGenerator<readonly ListedKey[]> {
    for await (const page of this.#bucket.list(this.#prefix + prefix, signal)) {
      yield page.map((listed) => ({ ...listed, key: listed.key.slice(this.#prefix.length) }));
    }
  }
}
