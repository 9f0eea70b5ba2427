/**
 * The current objects: keeps the index, the budget and the lifetimes consistent when an object is
 * added, grows or is removed.
 *
 * Everything here happens in one turn of the loop.
 */
import type { RemovalReason } from "../eviction/eviction-policy.ts";
import type { KeyPattern, ObjectKey } from "../object/object-key.ts";
import type { Lifetime } from "../object/object-metadata.ts";
import type { CountedSink } from "./counted-sink.ts";
import type { IndexEntry } from "./index-entry.ts";
import { type IndexedSession, type IndexReader, ObjectIndex } from "./object-index.ts";
import type { Retention } from "./retention/retention.ts";
import type { StorageBudget } from "./storage-budget.ts";
import { UsageTable } from "./usage.ts";

/** Called once, when all bytes of a removed object are released. */
export type FreeBytes = () => void;

export interface AddOptions {
  /** The object's own lifetime, if any. */
  readonly lifetime?: Lifetime | undefined;
  /** The charge of a file that was just published. */
  readonly sink?: CountedSink | undefined;
}

export class ObjectRegistry {
  readonly budget: StorageBudget | undefined;
  readonly usage = new UsageTable((key) => this.get(key));
  readonly #index = new ObjectIndex();
  readonly #retention: Retention;

  constructor(retention: Retention, budget: StorageBudget | undefined) {
    this.#retention = retention;
    this.budget = budget;
  }

  get size(): number {
    return this.#index.size;
  }

  /** Bytes of the files of all objects. */
  get storedBytes(): number {
    return this.usage.all.bytes;
  }

  get(key: ObjectKey): IndexEntry | undefined {
    return this.#index.get(key);
  }

  entries(pattern: KeyPattern): Generator<[ObjectKey, IndexEntry]> {
    return this.#index.entries(pattern);
  }

  /** See ObjectIndex.reader. */
  reader(pattern: Exclude<KeyPattern, { scope: "object" }>): IndexReader {
    return this.#index.reader(pattern);
  }

  /** See ObjectIndex.sessionsOf. */
  sessionsOf(pattern: Exclude<KeyPattern, { scope: "object" }>): Iterable<IndexedSession> {
    return this.#index.sessionsOf(pattern);
  }

  /** All entries, session by session; entries may be added and removed meanwhile. */
  *all(): Generator<IndexEntry> {
    const reader = this.#index.reader({ scope: "all" });
    try {
      yield* reader.read();
    } finally {
      reader.close();
    }
  }

  sessions(applicationId: string): string[] {
    return this.#index.sessions(applicationId);
  }

  /**
   * Adds a published or found object. It replaces the one under its key; the result releases that
   * one's charge.
   */
  add(entry: IndexEntry, { lifetime, sink }: AddOptions = {}): FreeBytes {
    const old = this.#index.set(entry);
    const free = old === undefined ? nothing : this.#out(old, "deleted");
    this.#in(entry, lifetime, sink);
    return free;
  }

  /** Adds a found object, unless there is one under its key. See ObjectIndex.addNew. */
  addNew(entry: IndexEntry, lifetime: Lifetime | undefined): boolean {
    const isNew = this.#index.addNew(entry);
    if (isNew) this.#in(entry, lifetime);
    return isNew;
  }

  /** A patch was published. */
  grow(entry: IndexEntry, addedBytes: number, sink: CountedSink | undefined): void {
    this.usage.grown(entry, addedBytes);
    sink?.handOver();
    this.budget?.grown(entry, addedBytes);
  }

  /** Removes an object; lookups no longer find it. */
  remove(entry: IndexEntry, reason: RemovalReason): FreeBytes {
    this.#index.delete(entry.key);
    return this.#out(entry, reason);
  }

  #in(entry: IndexEntry, lifetime: Lifetime | undefined, sink?: CountedSink): void {
    this.usage.added(entry);
    sink?.handOver();
    this.#retention.lifetimes.entered(entry, lifetime);
    this.budget?.entered(entry, this.#retention.pins.isPinned(entry.key));
  }

  #out(entry: IndexEntry, reason: RemovalReason): FreeBytes {
    this.usage.removed(entry);
    this.#retention.lifetimes.left(entry);
    return this.budget?.left(entry, reason) ?? nothing;
  }
}

function nothing(): void {}
