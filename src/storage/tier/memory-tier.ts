/**
 * A read cache in memory over any storage engine: hot files are answered without the engine.
 *
 * The engine asks the tier first when it opens a file to send it, and reports what changed. A small
 * put is kept, and so is a larger file from its first get
 * (docs/decisions/0009-small-puts-and-first-gets-admit.md); concurrent gets share the load. A file
 * that does not fit, or exceeds FILE_PART_MAX of the tier, streams past it. The policy chooses
 * which copy to drop; a file that is being read stays until it is read. No read is stale: the
 * engine reports a change after it has made it and before it answers, and a file opened before such
 * a change is not kept. A change by another program (a file removed by hand) is noticed on a look
 * at the file, or once it is no longer cached.
 */
import type { EvictionPolicy } from "../../eviction/eviction-policy.ts";
import { LIMITS } from "../../limits.ts";
import { logFor } from "../../log.ts";
import { formatObjectKey, type ObjectKey } from "../../object/object-key.ts";
import { MemoryShelf } from "../memory/memory-shelf.ts";
import type { StoredFile, StoredName } from "../object-storage.ts";
import type { MemoryCounts } from "../storage-counts.ts";
import type { FileIdentity, SourceFile } from "./file-load.ts";
import { KeptFile, type KeptFileHost } from "./kept-file.ts";
import { Openings } from "./openings.ts";
import { TierMemory } from "./tier-memory.ts";

const log = logFor("storage");

/** The largest file, as a part of the tier, that is kept. */
const FILE_PART_MAX = 1 / 3;

export interface TierOptions {
  readonly policy: EvictionPolicy;
  /** Limit of all memory of the tier, bytes. */
  readonly bytesMax: number;
}

/** Counters since the start. */
export interface TierCounters {
  /** Opens for a get that found the file cached or loading. */
  readonly hits: number;
  /** Opens for a get that went to the engine. */
  readonly misses: number;
  /** Misses that started a load. */
  readonly loads: number;
  /** Misses that streamed past: too large, or no space. */
  readonly bypassed: number;
  /** Copies that were dropped to make space. */
  readonly droppedCopies: number;
}

/** Opens a file of the engine itself; undefined if there is none. */
export type OpenSource = (name: StoredName) => Promise<SourceFile | undefined>;

export class MemoryTier implements KeptFileHost {
  readonly #policy: EvictionPolicy;
  readonly #bytesMax: number;
  readonly #memory: TierMemory;
  /** Asked once, at the start. */
  readonly #isTraced = log.isEnabled("trace");
  readonly #shelf = new MemoryShelf<KeptFile>();
  readonly #openings = new Openings();
  /** Bytes of files in use, cached or dropped. */
  #usedBytes = 0;
  readonly #counters = { hits: 0, misses: 0, loads: 0, bypassed: 0, droppedCopies: 0 };

  constructor({ policy, bytesMax }: TierOptions) {
    this.#policy = policy;
    this.#bytesMax = bytesMax;
    this.#memory = new TierMemory(bytesMax);
  }

  /** All memory of the tier, at most `bytesMax`. */
  get heldBytes(): number {
    return this.#memory.heldBytes;
  }

  get counters(): TierCounters {
    return { ...this.#counters };
  }

  get counts(): MemoryCounts {
    const { hits, misses, droppedCopies } = this.#counters;
    return { hits, misses, droppedCopies, heldBytes: this.heldBytes, bytesMax: this.#bytesMax };
  }

  /** Opens the cached copy of a file, or its source, which may become the copy. */
  async open(name: StoredName, openSource: OpenSource): Promise<StoredFile | undefined> {
    // Deltas are not cached: the first patch converts them to our own patches.
    if (name.part.kind === "delta") return await openSource(name);
    const kept = this.#shelf.get(name);
    if (this.#isTraced) this.#trace(kept === undefined ? "not in memory" : "found in memory", name);
    if (kept === undefined) return await this.#openSource(name, openSource);
    this.#counters.hits += 1;
    this.#policy.touched(kept);
    return kept.open();
  }

  /** The engine opened the file itself: drops a cached copy of any other file under the name. */
  looked(name: StoredName, file: SourceFile | undefined): void {
    const kept = this.#shelf.get(name);
    if (kept !== undefined && (file === undefined || !kept.isCopyOf(file))) this.#dropCopy(kept, "deleted");
  }

  /** The content under this name may have changed. */
  changed(name: StoredName): void {
    this.#openings.changed(name.key);
    const kept = this.#shelf.get(name);
    if (kept !== undefined) this.#dropCopy(kept, "deleted");
  }

  /**
   * Keeps the content of a file that was just published in place of an older copy, if it is small
   * and there is space. Copies the chunks, which are the whole file. The engine calls it in place
   * of `changed`, before any later change of the name.
   */
  put(name: StoredName, file: FileIdentity, chunks: readonly Uint8Array[]): void {
    this.changed(name);
    if (file.sizeBytes > LIMITS.putAdmittedBytesMax || !this.#makeSpace(file.sizeBytes)) return;
    const copy = this.#newCopy(name, file);
    copy.fill(chunks);
    this.#keep(copy);
    if (this.#isTraced) this.#trace("put into memory", name);
  }

  /** Patches of this object may have been removed. */
  changedPatches(key: ObjectKey): void {
    this.#openings.changed(key);
    for (const patches of this.#shelf.object(key)?.patches?.values() ?? []) {
      for (const kept of patches.values()) this.#dropCopy(kept, "deleted");
    }
  }

  /** Drops all copies. */
  clear(): void {
    for (const file of this.#shelf.all()) this.#dropCopy(file, "deleted");
  }

  used(file: KeptFile, isInUse: boolean): void {
    this.#usedBytes += isInUse ? file.costBytes : -file.costBytes;
  }

  giveUp(file: KeptFile): void {
    this.#dropCopy(file, "deleted");
  }

  takeBack(slabs: readonly Buffer[], memory: { sizeBytes: number; isLent: boolean }): void {
    this.#memory.takeBack(slabs, memory);
  }

  async #openSource(name: StoredName, openSource: OpenSource): Promise<StoredFile | undefined> {
    this.#counters.misses += 1;
    const { file, isStale } = await this.#openings.run(name.key, () => openSource(name));
    if (file === undefined || isStale) return file;
    const other = this.#shelf.get(name);
    if (other !== undefined) {
      file.close();
      return other.open();
    }
    return this.#admit(name, file);
  }

  /** Starts to load the file if there is space or space can be made; otherwise it streams past. */
  #admit(name: StoredName, file: SourceFile): StoredFile {
    if (!this.#makeSpace(file.sizeBytes)) {
      this.#counters.bypassed += 1;
      if (this.#isTraced) this.#trace("not kept in memory: no space", name);
      return file;
    }
    this.#counters.loads += 1;
    const copy = this.#newCopy(name, file);
    copy.load(file);
    this.#keep(copy);
    return copy.open();
  }

  /** Takes memory for a file that fits. */
  #newCopy(name: StoredName, file: FileIdentity): KeptFile {
    const slabs = this.#memory.take(file.sizeBytes);
    const costBytes = this.#memory.costOf(file.sizeBytes);
    return new KeptFile({ name, file, slabs, costBytes }, this);
  }

  #keep(copy: KeptFile): void {
    this.#shelf.put(copy.name, copy);
    this.#policy.admitted(copy);
  }

  /**
   * Drops copies until a file of this size fits; drops none if that would not be enough. An empty
   * file is not kept.
   */
  #makeSpace(sizeBytes: number): boolean {
    if (sizeBytes === 0) return false;
    const costBytes = this.#memory.costOf(sizeBytes);
    if (costBytes > this.#bytesMax * FILE_PART_MAX) return false;
    if (this.#usedBytes + this.#memory.lentBytes + costBytes > this.#bytesMax) return false;
    if (this.#memory.makeFit(sizeBytes)) return true;
    for (const victim of this.#policy.victims()) {
      if (!(victim instanceof KeptFile) || victim.isInUse) continue;
      this.#counters.droppedCopies += 1;
      this.#dropCopy(victim, "evicted");
      if (this.#memory.makeFit(sizeBytes)) return true;
    }
    return false;
  }

  #trace(text: string, { key, part }: StoredName): void {
    log.trace(text, { key: formatObjectKey(key), part: part.kind });
  }

  /** Drops the cached file; readers that have it open keep it. */
  #dropCopy(file: KeptFile, reason: "evicted" | "deleted"): void {
    this.#policy.removed(file, reason);
    if (this.#isTraced)
      this.#trace(reason === "evicted" ? "evicted from memory" : "dropped from memory", file.name);
    if (this.#shelf.get(file.name) === file) this.#shelf.remove(file.name);
    else file.retire();
  }
}
