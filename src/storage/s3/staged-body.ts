/**
 * The body of an object or a patch that is being written: held in memory while it is small, and
 * uploaded to a blob from then on.
 *
 * Small bodies are charged to the staged memory of all puts until `release`. If that is full, a
 * body is uploaded whatever its size: uploads have a bound of their own, and end stalled ones.
 * One owner calls all methods, one after the other. Nothing refers to the blob before a manifest
 * does; `discard` removes it.
 */
import { crc32 } from "node:zlib";
import { assert, CacheError } from "../../errors.ts";
import { LIMITS } from "../../limits.ts";
import type { ObjectKey } from "../../object/object-key.ts";
import type { Bucket, Upload } from "../../s3/bucket.ts";
import { BlockPool } from "../block-pool.ts";
import { StageBuffer } from "../stage-buffer.ts";
import { StagedMemory } from "../staged-memory.ts";
import type { Span } from "./manifest.ts";
import { formatBlobName, randomId } from "./names.ts";
import { Stopwatch, type Timing } from "./timing.ts";

/** A body that is complete. `since` runs since the store has it. */
export interface FinishedBody {
  readonly span: Span;
  readonly since: Stopwatch;
}

export interface StagedBodyOptions {
  readonly bucket: Bucket;
  readonly timing: Timing;
  readonly key: ObjectKey;
  /** A body up to this size stays in memory and becomes an inline span. */
  readonly inlineBytesMax?: number;
  /** The account to charge; by default one of its own. */
  readonly memory?: StagedMemory;
}

const NO_BLOCKS = new BlockPool(LIMITS.stageBlockBytes, 0);

export class StagedBody {
  readonly #options: StagedBodyOptions;
  readonly #inlineBytesMax: number;
  readonly #id = randomId();
  readonly #memory: StagedMemory;
  readonly #gathered: StageBuffer;
  #release: (() => void) | undefined;
  #upload: Upload | undefined;
  #crc32 = 0;
  #state: "open" | "finished" | "discarded" = "open";
  sizeBytes = 0;

  constructor(options: StagedBodyOptions) {
    this.#options = options;
    this.#inlineBytesMax = Math.min(
      options.inlineBytesMax ?? LIMITS.manifestInlineBytesMax,
      LIMITS.manifestInlineBytesMax,
    );
    this.#memory = options.memory ?? new StagedMemory();
    this.#gathered = new StageBuffer(NO_BLOCKS, this.#memory);
  }

  /**
   * Appends views, which must not change afterwards. A promise only if the owner has to wait.
   * @throws {CacheError} STORAGE_UNAVAILABLE; the body can then only be discarded.
   */
  append(chunks: readonly Uint8Array[]): Promise<void> | undefined {
    assert(this.#state === "open", "a body is open while it is appended to");
    for (const chunk of chunks) {
      this.#crc32 = crc32(chunk, this.#crc32);
      this.sizeBytes += chunk.length;
    }
    if (this.#upload !== undefined) return this.#upload.append(chunks);
    if (this.sizeBytes <= this.#inlineBytesMax && !this.#memory.isFull) {
      for (const chunk of chunks) this.#gathered.append(chunk);
      return undefined;
    }
    this.#upload = this.#options.bucket.upload(this.#name);
    const earlier = this.#gathered.take();
    const appending = this.#upload.append([...earlier.chunks, ...chunks]);
    if (appending !== undefined) return appending.finally(earlier.release);
    earlier.release();
    return undefined;
  }

  /** @throws {CacheError} STORAGE_UNAVAILABLE, STORAGE_IO */
  async finish(): Promise<FinishedBody> {
    assert(this.#state === "open", "a body is finished once");
    if (this.#upload === undefined) {
      this.#state = "finished";
      return { span: this.#inlineSpan(), since: new Stopwatch(this.#options.timing) };
    }
    const { sizeBytes } = await this.#upload.finish();
    this.#state = "finished";
    if (sizeBytes !== this.sizeBytes) {
      throw new CacheError(
        "STORAGE_IO",
        `the store has ${sizeBytes} bytes of an upload of ${this.sizeBytes}`,
      );
    }
    const span: Span = { kind: "blob", id: this.#id, sizeBytes, crc32: this.#crc32 };
    return { span, since: new Stopwatch(this.#options.timing) };
  }

  /** Only while no manifest can refer to the body. A failure leaves garbage, which is collected. */
  async discard(): Promise<void> {
    const wasFinished = this.#state === "finished";
    if (this.#state === "discarded") return;
    this.#state = "discarded";
    this.release();
    if (this.#upload === undefined) return;
    if (wasFinished) await this.#options.bucket.removeMany([this.#name]);
    else await this.#upload.abort();
  }

  /** The owner needs the bytes in memory no more. May be called repeatedly. */
  release(): void {
    this.#gathered.take().release();
    this.#release?.();
    this.#release = undefined;
  }

  get #name(): string {
    return formatBlobName(this.#options.key, this.#id);
  }

  #inlineSpan(): Span {
    const { chunks, release } = this.#gathered.take();
    this.#release = release;
    return { kind: "inline", bytes: chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks) };
  }
}
