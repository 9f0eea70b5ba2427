/**
 * Puts and patches of objects in a shared store.
 *
 * The store decides the version. A draft finishes its file with the version that is likely, and
 * again, without its body, if another replica was faster. Checks of the object are made against the
 * state on which the write is conditional, so they hold when it takes effect.
 */
import { CacheError, isCacheError } from "../../errors.ts";
import { formatObjectKey, type ObjectKey } from "../../object/object-key.ts";
import type { ObjectKind } from "../../object/object-metadata.ts";
import type { FileSummary, ObjectWriter, PutFacts } from "../../object/object-writer.ts";
import type { BucketStorage } from "../../storage/s3/bucket-storage.ts";
import type { Accept, Frame, FrameFacts, MakeFrame } from "../../storage/s3/object-changes.ts";
import type { StagedObject } from "../../storage/s3/staged-object.ts";
import type { EventJournal } from "../events/event-journal.ts";
import type { EventName } from "../events/object-event.ts";
import type { CommitOptions, Draft, Precondition, PutOptions } from "../put-draft.ts";
import type { SharedEntries, SharedEntry } from "./shared-entry.ts";

export interface SharedContext {
  readonly storage: BucketStorage;
  readonly entries: SharedEntries;
  readonly events: EventJournal | undefined;
  /** The object at some moment of the call; undefined: there is none. */
  find(key: ObjectKey): Promise<SharedEntry | undefined>;
}

/** Throws if the patch does not fit the object. */
export type FitsObject = (entry: SharedEntry) => Promise<void> | void;

abstract class SharedDraft implements Draft {
  readonly key: ObjectKey;
  actor: string | undefined;
  readonly sink: StagedObject;
  protected readonly context: SharedContext;

  constructor(context: SharedContext, key: ObjectKey, sink: StagedObject) {
    this.context = context;
    this.key = key;
    this.sink = sink;
  }

  /** The bucket has no capacity. */
  announce(): void {}

  /** A put waits for no space. */
  onAbandon(): void {}

  async commit(writer: ObjectWriter, { throwIfOver, precondition }: CommitOptions = {}): Promise<number> {
    throwIfOver?.();
    const version = this.context.storage.likelyVersion(this.key);
    const facts: FrameFacts = { version, baseVersion: version };
    const summary = await writer.finish(version, this.putFacts(facts));
    const frame = this.#frames(writer, facts, throwIfOver);
    const made = await this.write({ summary, frame, precondition });
    this.#record(made, summary.dataBytes);
    return made;
  }

  async discard(): Promise<void> {
    await this.sink.discard();
  }

  protected abstract readonly event: EventName;

  /** What the footer says beside the version. */
  protected abstract putFacts(facts: FrameFacts): PutFacts;

  protected abstract write(change: DraftChange): Promise<number>;

  /** Finishes the file again if its version or its lifetime is another one. */
  #frames(writer: ObjectWriter, first: FrameFacts, throwIfOver: (() => void) | undefined): MakeFrame {
    let made = first;
    return async (facts): Promise<Frame> => {
      throwIfOver?.();
      const isSame = facts.version === made.version && facts.lifetime?.untilMs === made.lifetime?.untilMs;
      if (!isSame) {
        this.sink.rewind();
        await writer.finish(facts.version, this.putFacts(facts));
        made = facts;
      }
      return this.sink.frame;
    };
  }

  #record(version: number, bytes: number): void {
    const name = formatObjectKey(this.key);
    this.context.events?.record({ name, event: this.event, version, bytes, by: this.actor });
  }
}

interface DraftChange {
  readonly summary: FileSummary;
  readonly frame: MakeFrame;
  readonly precondition: Precondition | undefined;
}

export class SharedBaseDraft extends SharedDraft {
  protected override readonly event = "put";
  readonly #kind: ObjectKind;
  readonly #terms: PutOptions;

  constructor(context: SharedContext, key: ObjectKey, kind: ObjectKind, terms: PutOptions = {}) {
    super(context, key, context.storage.stageBase(key));
    this.#kind = kind;
    this.#terms = terms;
    this.actor = terms.putBy;
  }

  protected override putFacts({ lifetime }: FrameFacts): PutFacts {
    return { lifetime, putBy: this.#terms.putBy };
  }

  protected override write({ summary, frame, precondition }: DraftChange): Promise<number> {
    const { putBy, ttlMs } = this.#terms;
    const { part: form, rowCount, dataBytes } = summary;
    return this.context.storage.put(this.key, this.sink, {
      kind: this.#kind,
      form,
      rowCount,
      dataBytes,
      frame,
      ...(putBy !== undefined && { putBy }),
      ...(ttlMs !== undefined && { ttlMs: lifetimeMs(ttlMs) }),
      ...(precondition && { accept: acceptor(this.context, precondition) }),
    });
  }
}

export class SharedPatchDraft extends SharedDraft {
  protected override readonly event = "patched";
  readonly #fits: FitsObject;
  readonly #ttlMs: number | undefined;

  constructor(context: SharedContext, key: ObjectKey, fits: FitsObject, ttlMs: number | undefined) {
    super(context, key, context.storage.stagePatch(key));
    this.#fits = fits;
    this.#ttlMs = ttlMs;
  }

  protected override putFacts(): PutFacts {
    return {};
  }

  protected override write({ summary, frame, precondition }: DraftChange): Promise<number> {
    const { rowCount, dataBytes } = summary;
    const check = async (entry: SharedEntry | undefined): Promise<void> => {
      if (entry === undefined) throw new CacheError("OBJECT_NOT_FOUND");
      await this.#fits(entry);
      if (!Number.isSafeInteger(entry.rowCount + rowCount))
        throw new CacheError("INVALID_REQUEST", "base and patches together have too many rows");
      precondition?.(entry);
    };
    return this.context.storage.patch(this.key, this.sink, {
      frame,
      facts: { rowCount, dataBytes },
      accept: acceptor(this.context, check),
      ...(this.#ttlMs !== undefined && { ttlMs: lifetimeMs(this.#ttlMs) }),
    });
  }
}

/** A check that throws, as one that returns its refusal. */
export function acceptor(
  { entries }: Pick<SharedContext, "entries">,
  check: (present: SharedEntry | undefined) => Promise<void> | void,
): Accept {
  return async (live, manifest) => {
    try {
      await check(live && manifest && entries.of({ manifest, live }));
      return undefined;
    } catch (error) {
      if (isCacheError(error)) return error;
      throw error;
    }
  };
}

/** @param ttlMs 0: unlimited. */
export function lifetimeMs(ttlMs: number): number {
  return ttlMs === 0 ? Number.POSITIVE_INFINITY : ttlMs;
}
