/**
 * A bucket that breaks one rule of the protocol on purpose, so that the check of histories is
 * itself checked. All else goes to the bucket behind it.
 */

import type {
  Bucket,
  Condition,
  ListedKey,
  ReadOptions,
  ReadOutcome,
  Upload,
  WriteOutcome,
} from "../../../src/s3/bucket.ts";
import { decodeManifest, encodeManifest } from "../../../src/storage/s3/encode-manifest.ts";
import { MANIFESTS } from "../../../src/storage/s3/names.ts";
import { withOperation } from "../../../src/storage/s3/operation-ring.ts";

/**
 * `forgets operations`: manifests list none of the earlier operations. `ignores conditions`: writes
 * have none. `reads stale`: one of four reads of a manifest shows what the replica read before.
 */
export type Defect = "forgets operations" | "ignores conditions" | "reads stale";
type Found = ReadOutcome & { readonly kind: "found" };

export class DefectiveBucket implements Bucket {
  readonly #bucket: Bucket;
  readonly #defect: Defect;
  readonly #earlier = new Map<string, Found>();

  constructor(bucket: Bucket, defect: Defect) {
    this.#bucket = bucket;
    this.#defect = defect;
  }

  async read(key: string, options: ReadOptions): Promise<ReadOutcome> {
    const earlier = this.#earlier.get(key);
    if (this.#defect === "reads stale" && earlier !== undefined && Math.random() < 0.25) {
      return earlier.etag === options.ifNoneMatch ? { kind: "same", dateMs: earlier.dateMs } : earlier;
    }
    const outcome = await this.#bucket.read(key, options);
    if (outcome.kind !== "found" || !key.startsWith(MANIFESTS)) return outcome;
    this.#earlier.set(key, outcome);
    return this.#defect === "forgets operations" ? withoutOperations(outcome) : outcome;
  }

  write(key: string, chunks: readonly Uint8Array[], condition?: Condition): Promise<WriteOutcome> {
    return this.#bucket.write(key, chunks, this.#defect === "ignores conditions" ? undefined : condition);
  }

  readRange(key: string, position: number, lengthBytes: number, signal?: AbortSignal) {
    return this.#bucket.readRange(key, position, lengthBytes, signal);
  }

  upload(key: string): Upload {
    return this.#bucket.upload(key);
  }

  remove(key: string, ifMatch?: string): Promise<WriteOutcome> {
    return this.#bucket.remove(key, ifMatch);
  }

  removeMany(keys: readonly string[]): Promise<void> {
    return this.#bucket.removeMany(keys);
  }

  list(prefix: string, signal?: AbortSignal): AsyncIterable<readonly ListedKey[]> {
    return this.#bucket.list(prefix, signal);
  }
}

function withoutOperations(found: Found): Found {
  const manifest = decodeManifest(Buffer.from(found.body));
  const recent = withOperation(undefined, { op: "0".repeat(32), version: manifest.version });
  return { ...found, body: encodeManifest({ ...manifest, recent }) };
}
