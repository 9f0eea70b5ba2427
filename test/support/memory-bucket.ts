/**
 * A bucket in memory with seeded faults: what a store and a network do to requests, in virtual
 * time.
 *
 * `BucketContents` is the store; each replica has a `MemoryBucket`, its connection. A write can be
 * refused before it is applied (503, 409, reset), lose its answer after it (500, reset), or be
 * applied long after its answer was lost. A connection can be cut for good, as when its replica is
 * killed. Defects make the store or the replica break a rule on purpose.
 */
import { createHash } from "node:crypto";
import { CacheError } from "../../src/errors.ts";
import type {
  Bucket,
  Condition,
  ListedKey,
  ReadOptions,
  ReadOutcome,
  Upload,
  WriteOutcome,
} from "../../src/s3/bucket.ts";
import { decodeManifest, encodeManifest } from "../../src/storage/s3/encode-manifest.ts";
import { MANIFESTS } from "../../src/storage/s3/names.ts";
import { withOperation } from "../../src/storage/s3/operation-ring.ts";
import { Random } from "./random.ts";
import { VirtualTime } from "./virtual-time.ts";

interface StoredObject {
  readonly body: Buffer;
  readonly etag: string;
  readonly modifiedMs: number;
}

/** The store starts at this time, ms since 1970. */
const STORE_EPOCH_MS = 1_700_000_000_000;
const PAGE_KEYS = 100;

export class BucketContents {
  readonly objects = new Map<string, StoredObject>();
  readonly time: VirtualTime;
  /** What the objects had before they were replaced, for stale reads. */
  readonly earlier = new Map<string, StoredObject | undefined>();
  clockAheadMs = 0;

  constructor(time = new VirtualTime()) {
    this.time = time;
  }

  get nowMs(): number {
    return STORE_EPOCH_MS + this.time.nowMs + this.clockAheadMs;
  }

  /** `Date` has whole seconds. */
  get dateMs(): number {
    return Math.floor(this.nowMs / 1000) * 1000;
  }

  put(key: string, body: Buffer, modifiedMs = this.nowMs): string {
    const etag = `"${createHash("md5").update(body).digest("hex")}"`;
    this.earlier.set(key, this.objects.get(key));
    this.objects.set(key, { body, etag, modifiedMs });
    return etag;
  }
}

/** What requests can meet; each with the probability `share`. */
export const WRITE_FAULTS = [
  "503 before",
  "409 before",
  "reset before",
  "500 after",
  "reset after",
  "applied late",
  "slow",
] as const;
export const READ_FAULTS = ["503 before", "cut", "slow"] as const;
export type Fault = (typeof WRITE_FAULTS)[number] | (typeof READ_FAULTS)[number];

/** A rule that is broken on purpose. */
export interface Defects {
  /** The store ignores conditions. */
  readonly ignoresConditions?: boolean;
  /** The replica sees no earlier operations. */
  readonly forgetsOperations?: boolean;
  /** A read may return what was there before the latest write. */
  readonly readsStale?: boolean;
}

export interface MemoryBucketOptions extends Defects {
  readonly contents: BucketContents;
  readonly random?: Random;
  /** Probability of each fault; 0 without. */
  readonly share?: number;
  /** How long the network takes, ms at most. */
  readonly latencyMs?: number;
}

type Kind = "read" | "readRange" | "write" | "upload" | "remove" | "removeMany" | "list";

export class MemoryBucket implements Bucket {
  readonly contents: BucketContents;
  /** Requests by kind, repetitions included. */
  readonly requests: Partial<Record<Kind, number>> = {};
  readonly faults: Partial<Record<Fault, number>> = {};
  share: number;
  latencyMs: number;
  /** Every read fails, every write is refused. */
  isDown = false;
  readonly #options: MemoryBucketOptions;
  readonly #random: Random;
  /** Resolves when the connection is cut. */
  readonly whenCut: Promise<void>;
  #isCut = false;
  #onCut: () => void = () => {};
  #cutAt: { readonly request: number; readonly isApplied: boolean } | undefined;

  constructor(options: MemoryBucketOptions) {
    this.#options = options;
    this.contents = options.contents;
    this.#random = options.random ?? new Random(1);
    this.share = options.share ?? 0;
    this.latencyMs = options.latencyMs ?? 10;
    this.whenCut = new Promise((resolve) => {
      this.#onCut = resolve;
    });
  }

  get requestCount(): number {
    return Object.values(this.requests).reduce((sum, count) => sum + count, 0);
  }

  /** No request reaches the store any more, and no answer the replica. */
  cut(): void {
    this.#isCut = true;
    this.#onCut();
  }

  /** Cuts the connection at a later request, counted from 1, before or after it is applied. */
  cutAt(request: number, isApplied: boolean): void {
    this.#cutAt = { request: this.requestCount + request, isApplied };
  }

  get isCut(): boolean {
    return this.#isCut;
  }

  async read(key: string, { bytesMax, ifNoneMatch }: ReadOptions): Promise<ReadOutcome> {
    const outcome = await this.#repeated("read", (): ReadOutcome => {
      const { dateMs } = this.contents;
      const found = this.#find(key);
      if (found === undefined) return { kind: "missing", dateMs };
      if (found.etag === ifNoneMatch) return { kind: "same", dateMs };
      return { kind: "found", etag: found.etag, dateMs, body: found.body };
    });
    if (outcome.kind === "found" && outcome.body.length > bytesMax)
      throw new CacheError("STORAGE_IO", "too large");
    return outcome;
  }

  readRange(key: string, position: number, lengthBytes: number): Promise<Buffer | undefined> {
    return this.#repeated("readRange", () =>
      this.contents.objects.get(key)?.body.subarray(position, position + lengthBytes),
    );
  }

  write(key: string, chunks: readonly Uint8Array[], condition?: Condition): Promise<WriteOutcome> {
    const body = Buffer.concat(chunks);
    return this.#once("write", (): WriteOutcome => {
      if (!this.#holds(key, condition)) return { kind: "conflict" };
      const { dateMs } = this.contents;
      return { kind: "done", etag: this.contents.put(key, body), dateMs };
    });
  }

  remove(key: string, ifMatch?: string): Promise<WriteOutcome> {
    return this.#once("remove", (): WriteOutcome => {
      if (!this.#holds(key, ifMatch === undefined ? undefined : { ifMatch })) return { kind: "conflict" };
      const { dateMs } = this.contents;
      this.contents.objects.delete(key);
      return { kind: "done", etag: "", dateMs };
    });
  }

  async removeMany(keys: readonly string[]): Promise<void> {
    await this.#repeated("removeMany", () => {
      for (const key of keys) this.contents.objects.delete(key);
    });
  }

  async *list(prefix: string): AsyncGenerator<readonly ListedKey[]> {
    const names = [...this.contents.objects.keys()].filter((key) => key.startsWith(prefix));
    for (let index = names.length - 1; index > 0; index -= 1) {
      const other = this.#random.below(index + 1);
      [names[index], names[other]] = [names[other]!, names[index]!];
    }
    for (let start = 0; start === 0 || start < names.length; start += PAGE_KEYS) {
      yield await this.#repeated("list", () =>
        names.slice(start, start + PAGE_KEYS).flatMap((key): (ListedKey & { readonly etag: string })[] => {
          const found = this.contents.objects.get(key);
          return found === undefined
            ? []
            : [{ key, sizeBytes: found.body.length, modifiedMs: found.modifiedMs, etag: found.etag }];
        }),
      );
    }
  }

  upload(key: string): Upload {
    const chunks: Buffer[] = [];
    // The time of a multipart upload is the time of its beginning.
    const begunMs = this.contents.nowMs;
    return {
      append: (more) => {
        chunks.push(...more.map((chunk) => Buffer.from(chunk)));
        return undefined;
      },
      finish: () =>
        this.#repeated("upload", () => {
          const body = Buffer.concat(chunks);
          return { etag: this.contents.put(key, body, begunMs), sizeBytes: body.length };
        }),
      abort: async () => {},
    };
  }

  /** A request that may be repeated until it is answered. */
  async #repeated<Answer>(kind: Kind, apply: () => Answer): Promise<Answer> {
    for (let tries = 0; tries < 4; tries += 1) {
      const isLost = this.#count(kind);
      await this.#leg();
      if (isLost === "before") return never();
      if (this.isDown) continue;
      const fault = this.#fault(READ_FAULTS);
      if (fault === "slow") await this.#pause(400);
      const answer = fault === "503 before" ? undefined : { value: apply() };
      await this.#leg();
      if (isLost === "after" || this.#isCut) return never();
      if (answer !== undefined && fault !== "cut") return answer.value;
    }
    throw new CacheError("STORAGE_UNAVAILABLE", "the store cannot be reached");
  }

  /** One attempt of a write. */
  async #once(kind: Kind, apply: () => WriteOutcome): Promise<WriteOutcome> {
    const isLost = this.#count(kind);
    await this.#leg();
    if (isLost === "before") return never();
    const fault = this.isDown ? "503 before" : this.#fault(WRITE_FAULTS);
    if (fault === "slow") await this.#pause(400);
    if (fault === "applied late") this.contents.time.at(200 + this.#random.below(3000), apply);
    const isApplied = fault === undefined || fault === "slow" || fault.endsWith("after");
    const outcome = isApplied ? apply() : undefined;
    await this.#leg();
    if (isLost === "after" || this.#isCut) return never();
    if (fault === "503 before" || fault === "409 before")
      return { kind: "retry", afterMs: this.#random.below(20) };
    return outcome !== undefined && !fault?.endsWith("after") ? outcome : { kind: "doubtful" };
  }

  /** Counts a request. @returns at which side of the store its connection is cut, if it is. */
  #count(kind: Kind): "before" | "after" | undefined {
    if (this.#isCut) return "before";
    this.requests[kind] = (this.requests[kind] ?? 0) + 1;
    if (this.#cutAt?.request !== this.requestCount) return undefined;
    this.cut();
    return this.#cutAt.isApplied ? "after" : "before";
  }

  #leg(): Promise<void> {
    return this.#pause(this.latencyMs / 2);
  }

  #pause(ms: number): Promise<void> {
    return this.contents.time.pause(ms * (0.5 + this.#random.below(1000) / 1000));
  }

  #fault<Kinds extends readonly Fault[]>(kinds: Kinds): Kinds[number] | undefined {
    const roll = this.share === 0 ? kinds.length : Math.floor(this.#random.below(1e6) / 1e6 / this.share);
    const fault = kinds[roll];
    if (fault !== undefined) this.faults[fault] = (this.faults[fault] ?? 0) + 1;
    return fault;
  }

  #holds(key: string, condition: Condition | undefined): boolean {
    if (condition === undefined || this.#options.ignoresConditions) return true;
    const found = this.contents.objects.get(key);
    return "ifAbsent" in condition ? found === undefined : found?.etag === condition.ifMatch;
  }

  #find(key: string): StoredObject | undefined {
    const isStale =
      this.#options.readsStale === true && this.contents.earlier.has(key) && this.#random.below(4) === 0;
    const found = isStale ? this.contents.earlier.get(key) : this.contents.objects.get(key);
    if (found === undefined || !this.#options.forgetsOperations || !key.startsWith(MANIFESTS)) return found;
    const manifest = decodeManifest(Buffer.from(found.body));
    const recent = withOperation(undefined, { op: "0".repeat(32), version: manifest.version });
    return { ...found, body: encodeManifest({ ...manifest, recent }) };
  }
}

function never(): Promise<never> {
  return new Promise(() => {});
}
