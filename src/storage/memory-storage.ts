/**
 * The engine `none`: objects live in this process's memory and end with it.
 *
 * It retains no socket buffers: every published byte is in memory of the engine, copied once on its
 * way in (see StagedMemoryFile). Reads are views. A reader keeps its file through a replacement or
 * removal, because the memory is reused only after the reader has released it. The cache above is
 * responsible for eviction and for all limits.
 */
import { assert } from "../errors.ts";
import { LIMITS } from "../limits.ts";
import { logFor } from "../log.ts";
import type { ObjectKey } from "../object/object-key.ts";
import { FreeMemory } from "./free-memory.ts";
import type { MemoryFile, MemoryOwner } from "./memory/memory-file.ts";
import { type HeldObject, MemoryShelf } from "./memory/memory-shelf.ts";
import { StagedMemoryFile } from "./memory/staged-memory-file.ts";
import type {
  ObjectStorage,
  OpenPurpose,
  PatchSelection,
  ScannedObjects,
  ScannedSession,
  SingleFile,
  StorageCapabilities,
  StoredFile,
  StoredName,
} from "./object-storage.ts";
import { NO_FACTS } from "./scanned-facts.ts";
import { StagedMemory } from "./staged-memory.ts";
import type { StorageCounts } from "./storage-counts.ts";

const log = logFor("storage");

/** Smaller memory is left to the garbage collector: releasing it explicitly costs 3 us. */
const GIVEN_BACK_BYTES_MIN = 4 * 1024;

/** See LIMITS.memorySpareSlabsMax. */
const SPARE_PART = 1 / 16;

export class MemoryStorage implements ObjectStorage {
  readonly capabilities: StorageCapabilities = {
    isDurable: false,
    hasChecksums: false,
    locatesFiles: false,
    refusesVersionedIds: false,
  };
  readonly journal = undefined;
  readonly #shelf = new MemoryShelf<MemoryFile>();
  /**
   * Maximum of published and staged files together; the rest of the limit is reserved for running
   * puts.
   */
  readonly objectBytesMax: number;
  readonly #bytesMax: number;
  readonly #staged = new StagedMemory();
  readonly #free = new FreeMemory(() => this.#unusedBytesMax);
  /** Memory that a reader may still hold is left to the garbage collector. */
  readonly #owner: MemoryOwner = {
    takeBack: (slabs, isLent) => {
      if (isLent) return;
      for (const { buffer } of slabs) if (buffer.byteLength >= GIVEN_BACK_BYTES_MIN) this.#free.give(buffer);
    },
  };
  #versionFloor = 0;
  #hits = 0;
  #misses = 0;

  /** @param bytesMax the most memory for files, used or not. */
  constructor({ bytesMax = Number.POSITIVE_INFINITY }: { readonly bytesMax?: number } = {}) {
    this.#bytesMax = bytesMax;
    this.objectBytesMax = bytesMax - spareBytesOf(bytesMax);
  }

  /** Bytes of all published files. */
  get heldBytes(): number {
    return this.#shelf.heldBytes;
  }

  get counts(): StorageCounts {
    const [hits, misses, heldBytes, bytesMax] = [this.#hits, this.#misses, this.heldBytes, this.#bytesMax];
    return {
      memory: { hits, misses, droppedCopies: 0, heldBytes, bytesMax },
      stagedBytes: this.#staged.sizeBytes,
    };
  }

  get versionFloor(): number {
    return this.#versionFloor;
  }

  async start(): Promise<void> {}

  async stop(): Promise<void> {}

  stage(): StagedMemoryFile {
    return new StagedMemoryFile({
      put: (name, file) => this.#put(name, file),
      memory: this.#free,
      staged: this.#staged,
      owner: this.#owner,
    });
  }

  #put(name: StoredName, file: MemoryFile): void {
    this.#shelf.put(name, file);
    this.#free.shrink();
  }

  get #unusedBytesMax(): number {
    const roomBytes = Math.max(0, this.#bytesMax - this.heldBytes);
    return Math.min(roomBytes, LIMITS.memorySlabsKeptMax * LIMITS.memorySlabBytes);
  }

  async open(name: StoredName, purpose: OpenPurpose = "send"): Promise<StoredFile | undefined> {
    const file = this.#shelf.get(name);
    if (purpose === "send") {
      if (file === undefined) this.#misses += 1;
      else this.#hits += 1;
    }
    return file?.open();
  }

  async listPatches(key: ObjectKey, baseVersion: number): Promise<number[]> {
    const patches = this.#shelf.object(key)?.patches?.get(baseVersion);
    return patches ? [...patches.keys()].sort((a, b) => a - b) : [];
  }

  async remove(name: StoredName): Promise<boolean> {
    return this.#shelf.remove(name);
  }

  async removeSingle(files: readonly SingleFile[]): Promise<void> {
    for (const { name } of files) this.#shelf.remove(name);
  }

  async removePatches(key: ObjectKey, which: PatchSelection): Promise<void> {
    const bases = [...(this.#shelf.object(key)?.patches?.keys() ?? [])];
    const leaving = bases.filter((base) => ("only" in which ? base === which.only : base !== which.allBut));
    for (const baseVersion of leaving) {
      for (const version of await this.listPatches(key, baseVersion)) {
        this.#shelf.remove({ key, part: { kind: "patch", baseVersion, version } });
      }
    }
  }

  async locate(): Promise<undefined> {}

  async listDeltas(): Promise<number[]> {
    return [];
  }

  async removeDeltas(): Promise<void> {}

  async syncFiles(): Promise<void> {}

  async syncRemovals(): Promise<void> {}

  async space(): Promise<undefined> {}

  /** Memory has no place to keep damaged bytes for inspection, so they are dropped. */
  async quarantine(name: StoredName, reason: string): Promise<void> {
    if (!this.#shelf.remove(name)) return;
    log.error("damaged object dropped", { ...name.key, ...name.part, reason });
  }

  async *scan(removals: Int32Array = new Int32Array(1)): AsyncGenerator<ScannedObjects> {
    for (const applicationId of this.#shelf.applications()) {
      for (const sessionId of this.#shelf.sessions(applicationId)) {
        const seenAt = Atomics.load(removals, 0);
        const session = await this.scanSession(applicationId, sessionId);
        if (session) yield { ...session, facts: NO_FACTS, seenAt };
      }
    }
  }

  async scanSession(applicationId: string, sessionId: string): Promise<ScannedSession | undefined> {
    const objects = this.#shelf.session(applicationId, sessionId);
    if (!objects) return undefined;
    const names: StoredName[] = [];
    for (const [objectId, held] of objects) collectNames({ applicationId, sessionId, objectId }, held, names);
    return { applicationId, sessionId, names };
  }

  async listSessions(applicationId: string): Promise<string[]> {
    return this.#shelf.sessions(applicationId);
  }

  async raiseVersionFloor(version: number): Promise<void> {
    assert(Number.isSafeInteger(version), "a version is a safe integer");
    this.#versionFloor = Math.max(this.#versionFloor, Math.min(version, LIMITS.versionMax));
  }
}

/** Whole slabs, so zero for a small limit. */
function spareBytesOf(bytesMax: number): number {
  const slabs = Math.floor((bytesMax * SPARE_PART) / LIMITS.memorySlabBytes);
  return Math.min(slabs, LIMITS.memorySpareSlabsMax) * LIMITS.memorySlabBytes;
}

function collectNames(key: ObjectKey, held: HeldObject<MemoryFile>, names: StoredName[]): void {
  if (held.file) names.push({ key, part: { kind: "file" } });
  if (held.stream) names.push({ key, part: { kind: "stream" } });
  for (const [baseVersion, patches] of held.patches ?? []) {
    for (const version of patches.keys()) names.push({ key, part: { kind: "patch", baseVersion, version } });
  }
}
