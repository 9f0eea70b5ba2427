/**
 * One write of a manifest: compare-and-swap until the change is in the bucket, applied at most
 * once.
 *
 * - 200: done. This is the only moment at which a change takes effect.
 * - 412, 404: another state. The manifest is read again; if it lists our operation, the write was
 *   ours and its answer was lost. Otherwise the change is decided again from the new state.
 * - 409, 503: the same request again.
 * - Time-out, reset, 500: the same request again, marked doubtful. It can be applied once only,
 *   because its condition names one state, and no state ever returns: each has a fresh operation.
 * - A doubtful request, and more changes in between than a manifest lists: the outcome is unknown.
 *   The answer is STORAGE_UNAVAILABLE and says so; the change is not made again.
 */
import { CacheError } from "../../errors.ts";
import { LIMITS } from "../../limits.ts";
import { formatObjectKey, type ObjectKey } from "../../object/object-key.ts";
import type { Bucket, WriteOutcome } from "../../s3/bucket.ts";
import { decodeManifest, encodeManifest } from "./encode-manifest.ts";
import type { LiveObject, Manifest } from "./manifest.ts";
import type { ManifestState } from "./manifest-cache.ts";
import { randomId } from "./names.ts";
import { findOperation, seesAllSince, withOperation } from "./operation-ring.ts";
import { backOff, Stopwatch, type StoreClock, type Timing } from "./timing.ts";

/**
 * What follows from a state. `look`: the state has to be read first. `refuse`: nothing is written;
 * a refusal because of a remembered state is decided again after a read.
 */
export type Decision<Refusal> =
  | { readonly kind: "write"; readonly version: number; readonly live?: LiveObject }
  | { readonly kind: "refuse"; readonly refusal: Refusal }
  | { readonly kind: "look" };

/** Called for each attempt. @param state undefined: nothing is known about the manifest. */
export type Change<Refusal> = (
  state: ManifestState | undefined,
) => Decision<Refusal> | Promise<Decision<Refusal>>;

/** `version`: the object's after the change. `state` may be a later one. */
export type Written<Refusal> =
  | { readonly kind: "done"; readonly version: number; readonly state: ManifestState }
  | { readonly kind: "refused"; readonly refusal: Refusal; readonly state: ManifestState };

export interface WriteBounds {
  /** Runs since the blobs of the change were complete. */
  readonly sinceBlob?: Stopwatch;
}

/** What a write needs of the store of manifests. */
interface Manifests {
  readonly bucket: Bucket;
  readonly timing: Timing;
  readonly storeClock: StoreClock;
  held(key: ObjectKey): ManifestState | undefined;
  load(key: ObjectKey): Promise<ManifestState>;
  written(name: string, state: ManifestState, before: ManifestState | undefined): void;
}

interface WriteOptions<Refusal> {
  readonly store: Manifests;
  readonly key: ObjectKey;
  readonly name: string;
  readonly change: Change<Refusal>;
  readonly bounds: WriteBounds | undefined;
}

/** A request that is sent until its outcome is certain. */
interface Request {
  readonly body: Buffer;
  readonly version: number;
  readonly before: ManifestState | undefined;
}

type Settled =
  | { readonly kind: "done"; readonly state: ManifestState }
  | { readonly kind: "conflict"; readonly doubtful: boolean }
  /** Doubtful, and the last attempt. */
  | { readonly kind: "exhausted"; readonly doubtful: true };

export class ManifestWrite<Refusal> {
  readonly #options: WriteOptions<Refusal>;
  readonly #op = randomId();
  /** Runs from the call on, turns of other writes included. */
  readonly #sinceStart: Stopwatch;
  #tries = 0;
  #conflicts = 0;

  constructor(options: WriteOptions<Refusal>) {
    this.#options = options;
    this.#sinceStart = new Stopwatch(options.store.timing);
  }

  async run(): Promise<Written<Refusal>> {
    const { store, key, change } = this.#options;
    // The turns before may have used up the time. Each further request would add to it.
    if (this.#isOver()) throw this.#notApplied();
    let state = store.held(key);
    let isFresh = false;
    let isDoubtful = false;
    for (;;) {
      const decision = await this.#guard(isDoubtful, "it could not be decided again", () => change(state));
      if (decision.kind === "refuse" && state !== undefined && isFresh) {
        if (isDoubtful) throw this.#unknown("the store refused a condition that holds");
        return { ...decision, kind: "refused", state };
      }
      if (decision.kind !== "write") {
        state = await this.#load(isDoubtful);
        isFresh = true;
        continue;
      }
      const request = this.#requestOf(decision, state);
      const settled = await this.#send(request, isDoubtful);
      if (settled.kind === "done") return { kind: "done", version: request.version, state: settled.state };
      state = await this.#load(settled.doubtful);
      isFresh = true;
      const mine = this.#findOwn(request, state, settled.doubtful);
      if (mine !== undefined) return mine;
      if (settled.kind === "exhausted") throw this.#unknown("the store did not answer in time");
      // A store may refuse a condition that holds. Then the earlier attempt can still be applied.
      isDoubtful = settled.doubtful && state.etag === request.before?.etag;
      this.#conflicts += 1;
      const waits = this.#conflicts - LIMITS.bucketConflictsAtOnceMax;
      if (waits > 0) await backOff(store.timing, waits);
    }
  }

  #requestOf(
    { version, live }: { readonly version: number; readonly live?: LiveObject },
    before: ManifestState | undefined,
  ): Request {
    const { key } = this.#options;
    const last = before?.manifest;
    const recent = withOperation(last?.recent, { op: this.#op, version });
    const manifest: Manifest = {
      key,
      version,
      changes: (last?.changes ?? 0) + 1,
      recent,
      ...(live && { live }),
    };
    return { body: encodeManifest(manifest), version, before };
  }

  /**
   * Sends one request until the store has applied it, or refused its condition.
   * @param wasDoubtful true if an earlier request on the same condition may still be applied.
   */
  async #send(request: Request, wasDoubtful: boolean): Promise<Settled> {
    const { timing } = this.#options.store;
    let doubtful = wasDoubtful;
    for (let repeats = 0; ; repeats += 1) {
      if (this.#isOver()) {
        if (doubtful) return { kind: "exhausted", doubtful };
        throw this.#notApplied();
      }
      this.#tries += 1;
      const askedMs = timing.monotonicMs();
      const outcome = await this.#sendOnce(request, doubtful);
      if (outcome.kind === "done") return { kind: "done", state: this.#applied(request, outcome, askedMs) };
      if (outcome.kind === "conflict") return { kind: "conflict", doubtful };
      doubtful ||= outcome.kind === "doubtful";
      await backOff(timing, repeats, outcome.kind === "retry" ? outcome.afterMs : 0);
    }
  }

  async #sendOnce({ body, before }: Request, doubtful: boolean): Promise<WriteOutcome> {
    const { store, name } = this.#options;
    const condition = before?.etag === undefined ? ({ ifAbsent: true } as const) : { ifMatch: before.etag };
    const send = () => store.bucket.write(name, [body], condition);
    return await this.#guard(doubtful, "a later attempt failed", send);
  }

  #applied(request: Request, outcome: WriteOutcome & { kind: "done" }, askedMs: number): ManifestState {
    const { store, name } = this.#options;
    store.storeClock.observe(outcome.dateMs);
    const { etag, dateMs } = outcome;
    const manifest = decodeManifest(request.body);
    const state: ManifestState = { manifest, etag, sizeBytes: request.body.length, dateMs, askedMs };
    store.written(name, state, request.before);
    // After such a pause a collector may have removed what the manifest refers to.
    if (this.#elapsedMs() > LIMITS.garbageGraceMs / 2) throw this.#unknown("the process stood still");
    return state;
  }

  async #load(doubtful: boolean): Promise<ManifestState> {
    const { store, key } = this.#options;
    return await this.#guard(doubtful, "the store stopped answering", () => store.load(key));
  }

  /** After a doubtful request, a failure of whatever follows leaves its outcome unknown. */
  async #guard<Result>(
    doubtful: boolean,
    why: string,
    work: () => Result | Promise<Result>,
  ): Promise<Result> {
    try {
      return await work();
    } catch (error) {
      throw doubtful ? this.#unknown(why, error) : error;
    }
  }

  #findOwn(
    request: Request,
    state: ManifestState,
    doubtful: boolean,
  ): (Written<Refusal> & { kind: "done" }) | undefined {
    const mine = findOperation(state.manifest, this.#op);
    if (mine !== undefined) return { kind: "done", version: mine.version, state };
    if (doubtful && !seesAllSince(request.before?.manifest, state.manifest)) {
      throw this.#unknown(`more than ${LIMITS.operationsKeptMax} other changes were made meanwhile`);
    }
    return undefined;
  }

  #elapsedMs(): number {
    return Math.max(this.#sinceStart.elapsedMs, this.#options.bounds?.sinceBlob?.elapsedMs ?? 0);
  }

  #isOver(): boolean {
    const blobMs = this.#options.bounds?.sinceBlob?.elapsedMs ?? 0;
    const { bucketWriteTriesMax, bucketWriteMsMax, blobCommitMsMax } = LIMITS;
    return (
      this.#tries >= bucketWriteTriesMax ||
      this.#sinceStart.elapsedMs > bucketWriteMsMax ||
      blobMs > blobCommitMsMax
    );
  }

  #notApplied(): CacheError {
    return new CacheError(
      "STORAGE_UNAVAILABLE",
      "the store did not accept the write in time; nothing was written",
      {
        facts: { key: formatObjectKey(this.#options.key), outcome: "not applied", tries: this.#tries },
      },
    );
  }

  #unknown(why: string, cause?: unknown): CacheError {
    return new CacheError(
      "STORAGE_UNAVAILABLE",
      `the outcome of the write is unknown, because ${why}; it may have been applied`,
      {
        facts: { key: formatObjectKey(this.#options.key), outcome: "unknown", tries: this.#tries },
        ...(cause === undefined ? {} : { cause }),
      },
    );
  }
}
