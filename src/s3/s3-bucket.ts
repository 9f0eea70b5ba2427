/**
 * A bucket over S3 requests: reads, writes and removals of single objects.
 *
 * Uploads, lists and removals of many objects are in files of their own. A CRC-32 goes with each
 * body that is written, and is compared on reads if the store returns it.
 * Source: Amazon S3 API Reference: GetObject, PutObject, DeleteObject.
 */
import { assert, CacheError } from "../errors.ts";
import { LIMITS } from "../limits.ts";
import type {
  Bucket,
  Condition,
  ListedKey,
  ReadOptions,
  ReadOutcome,
  Upload,
  WriteOutcome,
} from "./bucket.ts";
import { encryptionHeaders } from "./encryption-headers.ts";
import { listKeys } from "./list-keys.ts";
import { MultipartUpload } from "./multipart-upload.ts";
import { RangeBody } from "./range-body.ts";
import { removeKeys } from "./remove-keys.ts";
import {
  type Answer,
  dateMsOf,
  etagOf,
  isMissing,
  isNotApplied,
  isPassing,
  retryAfterMs,
} from "./requests/answer.ts";
import { formatCrc32, headerOf } from "./requests/answer-body.ts";
import { BrokenExchange } from "./requests/http-exchange.ts";
import { type RequestCounts, type StoreRequest, StoreRequests } from "./requests/store-requests.ts";
import type { StoreOptions } from "./store-options.ts";
import { UploadMemory } from "./upload-memory.ts";

/** Reads of a body that does not match its checksum. */
const CHECKED_READS_MAX = 3;

export class S3Bucket implements Bucket {
  readonly requests: StoreRequests;
  readonly #memory = new UploadMemory();
  readonly #encryption: Readonly<Record<string, string>>;
  #removesMany = true;

  /** Sends nothing yet. @throws {CacheError} INVALID_CONFIG */
  constructor(options: StoreOptions) {
    this.requests = new StoreRequests(options);
    this.#encryption = encryptionHeaders(options.encryption);
  }

  get counts(): RequestCounts {
    return this.requests.counts;
  }

  /** Memory in which running uploads gather their parts. */
  get uploadBytes(): number {
    return this.#memory.usedBytes;
  }

  /** Closes all connections; requests under way fail. */
  close(): void {
    this.requests.close();
  }

  async read(key: string, options: ReadOptions): Promise<ReadOutcome> {
    checkKey(key);
    const { bytesMax, ifNoneMatch, signal } = options;
    const request: StoreRequest = {
      method: "GET",
      action: `the read of ${key}`,
      key,
      headers: {
        "x-amz-checksum-mode": "ENABLED",
        ...(ifNoneMatch !== undefined && { "if-none-match": ifNoneMatch }),
      },
      answerBytesMax: bytesMax,
      signal,
    };
    for (let reads = 1; ; reads += 1) {
      const answer = await this.requests.repeat(() => request);
      const dateMs = this.#dateOf(answer, request);
      if (answer.status === 304 && ifNoneMatch !== undefined) return { kind: "same", dateMs };
      if (isMissing(answer)) return { kind: "missing", dateMs };
      const etag = etagOf(answer);
      if (answer.status !== 200 || etag === undefined) throw this.requests.refusal(answer, request);
      if (hasRightChecksum(answer)) return { kind: "found", etag, dateMs, body: answer.body };
      if (reads === CHECKED_READS_MAX) {
        throw new CacheError("OBJECT_CORRUPT", `the bytes of ${key} do not match the store's CRC-32`);
      }
    }
  }

  async readRange(
    key: string,
    position: number,
    lengthBytes: number,
    signal?: AbortSignal,
  ): Promise<Buffer | undefined> {
    checkKey(key);
    if (lengthBytes === 0) return Buffer.alloc(0);
    const part = new RangeBody(key, position, lengthBytes);
    const action = `the read of ${key}`;
    const next = (): StoreRequest => ({
      method: "GET",
      action,
      key,
      headers: part.headers(),
      openPart: (head) => part.open(head),
      signal,
    });
    const answer = await this.requests.repeat(next);
    if (isMissing(answer)) return undefined;
    if (answer.status === 416) throw part.tooShort();
    if (answer.status !== 206 || !part.isWhole) throw this.requests.refusal(answer, next());
    return part.bytes;
  }

  async write(key: string, chunks: readonly Uint8Array[], condition?: Condition): Promise<WriteOutcome> {
    checkKey(key);
    const outcome = await this.#change({
      method: "PUT",
      action: `the write of ${key}`,
      key,
      headers: {
        ...this.#encryption,
        ...conditionHeaders(condition),
        "x-amz-checksum-crc32": formatCrc32(chunks),
      },
      body: chunks,
    });
    // Without an entity tag the next write could not depend on this one.
    return outcome.kind === "done" && outcome.etag === "" ? { kind: "doubtful" } : outcome;
  }

  async remove(key: string, ifMatch?: string): Promise<WriteOutcome> {
    checkKey(key);
    return this.#change({
      method: "DELETE",
      action: `the removal of ${key}`,
      key,
      headers: ifMatch === undefined ? {} : { "if-match": ifMatch },
    });
  }

  upload(key: string): Upload {
    checkKey(key);
    return new MultipartUpload(this.requests, { key, headers: this.#encryption, memory: this.#memory });
  }

  async removeMany(keys: readonly string[]): Promise<void> {
    for (const key of keys) checkKey(key);
    this.#removesMany = await removeKeys(this.requests, keys, this.#removesMany);
  }

  list(prefix: string, signal?: AbortSignal): AsyncIterable<readonly ListedKey[]> {
    return listKeys(this.requests, prefix, signal);
  }

  /** One attempt of a write or a removal. */
  async #change(request: StoreRequest): Promise<WriteOutcome> {
    const answer = await this.requests.attempt(request);
    if (answer instanceof BrokenExchange) return { kind: answer.isSent ? "doubtful" : "retry" };
    const isRemoval = request.method === "DELETE";
    const hasMatch = request.headers?.["if-match"] !== undefined;
    const isAbsent = isMissing(answer);
    if (answer.status === 412 || (isAbsent && hasMatch)) return { kind: "conflict" };
    if ([200, 201, 204].includes(answer.status) || (isAbsent && isRemoval)) {
      const dateMs = dateMsOf(answer);
      const etag = isRemoval ? "" : (etagOf(answer) ?? "");
      return dateMs === undefined ? { kind: "doubtful" } : { kind: "done", etag, dateMs };
    }
    if (isNotApplied(answer)) {
      const afterMs = retryAfterMs(answer);
      return { kind: "retry", ...(afterMs !== undefined && { afterMs }) };
    }
    if (isPassing(answer)) return { kind: "doubtful" };
    throw this.requests.refusal(answer, request);
  }

  #dateOf(answer: Answer, request: StoreRequest): number {
    const dateMs = dateMsOf(answer);
    if (dateMs !== undefined) return dateMs;
    throw new CacheError("STORAGE_IO", `the object store answered without a Date to ${request.action}`);
  }
}

/** A key is made by us, never by a caller. */
function checkKey(key: string): void {
  assert(key !== "" && key.isWellFormed(), "a key of S3 is text");
  assert(Buffer.byteLength(key) <= LIMITS.s3KeyBytesMax, "a key of S3 has at most 1024 bytes");
}

function conditionHeaders(condition: Condition | undefined): Record<string, string> {
  if (condition === undefined) return {};
  return "ifMatch" in condition ? { "if-match": condition.ifMatch } : { "if-none-match": "*" };
}

/** A checksum of parts, or of another kind, says nothing about the whole. */
function hasRightChecksum(answer: Answer): boolean {
  const sum = headerOf(answer, "x-amz-checksum-crc32");
  const isOfWhole = sum !== undefined && /^[A-Za-z0-9+/]{6}==$/.test(sum);
  return !isOfWhole || sum === formatCrc32([answer.body]);
}
