/**
 * Writes an object of any size: gathers parts, and sends two while the next one fills.
 *
 * An object that fits into one part is one PUT. Memory: three parts, of 8 MiB up to 8 GB, 16 MiB up
 * to 24 GB, and so on; parts of 64 MiB and more are sent one at a time. If a part fails, the upload
 * fails and its parts are removed. The parts of a process that died stay in the store until a
 * lifecycle rule of the bucket removes them (AbortIncompleteMultipartUpload).
 * Source: "Uploading and copying objects using multipart upload" in the Amazon S3 User Guide.
 */
import { CacheError } from "../errors.ts";
import { LIMITS } from "../limits.ts";
import { logFor } from "../log.ts";
import type { Upload } from "./bucket.ts";
import { PartBuffer } from "./part-buffer.ts";
import {
  beginUpload,
  completeUpload,
  removeUpload,
  type SentPart,
  type UploadTarget,
} from "./part-requests.ts";
import { etagOf } from "./requests/answer.ts";
import type { StoreRequests } from "./requests/store-requests.ts";
import type { UploadMemory, UploadShare } from "./upload-memory.ts";

const log = logFor("s3");

export interface UploadTerms {
  readonly key: string;
  /** Headers of the object: its encryption. */
  readonly headers: Readonly<Record<string, string>>;
  readonly memory: UploadMemory;
}

/** From this size on one part is sent at a time. */
const LARGE_PART_BYTES = 64 * 1024 ** 2;

export class MultipartUpload implements Upload {
  readonly #requests: StoreRequests;
  readonly #target: UploadTarget;
  readonly #share: UploadShare;
  readonly #stop = new AbortController();
  readonly #sent: SentPart[] = [];
  readonly #sending = new Set<Promise<void>>();
  #part: PartBuffer;
  #uploadId: Promise<string> | undefined;
  #sizeBytes = 0;
  #failure: unknown;
  #ending: Promise<void> | undefined;

  constructor(requests: StoreRequests, { key, headers, memory }: UploadTerms) {
    this.#requests = requests;
    this.#target = { key, headers, signal: this.#stop.signal };
    this.#share = memory.open((error) => this.#fail(error));
    this.#part = new PartBuffer(1, requests.signsBodies);
  }

  append(chunks: readonly Uint8Array[]): Promise<void> | undefined {
    for (let i = 0; i < chunks.length; i += 1) {
      const chunk = chunks[i]!;
      const taken = this.#take(chunk);
      if (taken < chunk.length) return this.#appendRest([chunk.subarray(taken), ...chunks.slice(i + 1)]);
    }
    return undefined;
  }

  async finish(): Promise<{ readonly etag: string; readonly sizeBytes: number }> {
    try {
      this.#check();
      const etag = this.#uploadId === undefined ? await this.#putWhole() : await this.#complete();
      this.#share.giveBack(this.#part.release());
      this.#share.close();
      this.#ending = Promise.resolve();
      return { etag, sizeBytes: this.#sizeBytes };
    } catch (error) {
      this.#fail(error);
      await this.abort();
      throw this.#failure ?? error;
    }
  }

  abort(): Promise<void> {
    this.#ending ??= this.#end();
    return this.#ending;
  }

  async #appendRest(chunks: readonly Uint8Array[]): Promise<void> {
    for (const chunk of chunks) {
      let taken = this.#take(chunk);
      while (taken < chunk.length) {
        if (this.#part.isFull) await Promise.race(this.#sending);
        else await this.#waitForBlock();
        taken += this.#take(chunk.subarray(taken));
      }
    }
  }

  /** Copies until it has to wait. Returns how many bytes it took. */
  #take(chunk: Uint8Array): number {
    this.#check();
    this.#share.touch(this.#sending.size > 0);
    let taken = 0;
    while (taken < chunk.length) {
      if (this.#part.isFull) {
        if (this.#sending.size >= inFlightMax(this.#part.sizeBytes)) break;
        this.#startPart();
      }
      if (this.#part.needsBlock) {
        const block = this.#share.tryTake();
        if (block === undefined) break;
        this.#part.addBlock(block);
      }
      taken += this.#part.append(chunk.subarray(taken));
    }
    this.#sizeBytes += taken;
    return taken;
  }

  async #waitForBlock(): Promise<void> {
    try {
      this.#part.addBlock(await this.#share.take());
    } catch (error) {
      this.#fail(error);
    }
    this.#check();
  }

  /** Begins to send the part, and opens the next one. */
  #startPart(): void {
    const part = this.#part;
    if (part.number === LIMITS.s3PartsMax) {
      throw new CacheError("OBJECT_TOO_LARGE", `an object has at most ${LIMITS.s3PartsMax} parts`);
    }
    this.#part = new PartBuffer(part.number + 1, this.#requests.signsBodies);
    const sending = this.#sendPart(part)
      .catch((error: unknown) => this.#fail(error))
      .finally(() => {
        this.#sending.delete(sending);
        this.#share.giveBack(part.release());
        this.#share.touch(this.#sending.size > 0);
      });
    this.#sending.add(sending);
  }

  async #sendPart(part: PartBuffer): Promise<void> {
    this.#uploadId ??= beginUpload(this.#requests, this.#target);
    const etag = await this.#put(part, {
      partNumber: `${part.number}`,
      uploadId: await this.#uploadId,
    });
    this.#sent.push({ number: part.number, etag, crc32: part.crc32 });
  }

  #putWhole(): Promise<string> {
    return this.#put(this.#part);
  }

  async #put(part: PartBuffer, query?: Readonly<Record<string, string>>): Promise<string> {
    const { key, headers, signal } = this.#target;
    const bodySha256 = part.sha256();
    const request = {
      method: "PUT",
      action: `the upload of ${key}`,
      key,
      headers: { ...(query === undefined && headers), "x-amz-checksum-crc32": part.crc32 },
      body: part.chunks(),
      ...(query !== undefined && { query }),
      ...(bodySha256 !== undefined && { bodySha256 }),
      signal,
    } as const;
    const answer = await this.#requests.repeat(() => request);
    const etag = etagOf(answer);
    if (answer.status !== 200 || etag === undefined) throw this.#requests.refusal(answer, request);
    return etag;
  }

  async #complete(): Promise<string> {
    if (this.#part.sizeBytes > 0) this.#startPart();
    await Promise.all(this.#sending);
    this.#check();
    const parts = this.#sent.toSorted((a, b) => a.number - b.number);
    const uploadId = await this.#uploadId!;
    return completeUpload(this.#requests, { ...this.#target, uploadId, parts, sizeBytes: this.#sizeBytes });
  }

  #check(): void {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#ending !== undefined) throw new CacheError("CANCELLED", "the upload was aborted");
  }

  /** The first failure counts; the others follow from it. */
  #fail(error: unknown): void {
    if (this.#ending !== undefined) return;
    this.#failure ??= error;
    void this.abort();
  }

  async #end(): Promise<void> {
    this.#stop.abort();
    this.#share.close();
    await Promise.all(this.#sending);
    this.#share.giveBack(this.#part.release());
    const uploadId = await this.#uploadId?.catch(() => undefined);
    if (uploadId === undefined) return;
    try {
      await removeUpload(this.#requests, { ...this.#target, uploadId });
    } catch (error) {
      log.warn("parts of an upload stay in the store", { key: this.#target.key, error });
    }
  }
}

function inFlightMax(sizeBytes: number): number {
  return sizeBytes >= LARGE_PART_BYTES ? 1 : LIMITS.s3PartsInFlight;
}
