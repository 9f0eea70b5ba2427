/**
 * Objects that were replaced or removed while being read: their patches stay, and their bytes are
 * charged, until the last reader is done.
 *
 * The base needs nothing: its file is held open.
 */
import { logFor } from "../log.ts";
import { formatObjectKey, type ObjectKey } from "../object/object-key.ts";
import type { ObjectStorage } from "../storage/object-storage.ts";
import type { IndexEntry } from "./index-entry.ts";
import type { FreeBytes } from "./object-registry.ts";

const log = logFor("cache");

export class RetiredObjects {
  readonly #storage: ObjectStorage;
  /** Objects whose patches are still being read. */
  readonly #names = new Set<string>();

  constructor(storage: ObjectStorage) {
    this.#storage = storage;
  }

  /** True while a get reads patches of a replaced or removed base. */
  isBeingRead(key: ObjectKey, baseVersion: number): boolean {
    return this.#names.has(retiredName(key, baseVersion));
  }

  /** Removes patches and deltas now, or after the last reader; then calls `free`. */
  async retire(key: ObjectKey, entry: IndexEntry, free: FreeBytes): Promise<void> {
    // A base of another program has no patches of ours: those under its version belong to its
    // replacement.
    const hasPatches = !entry.isForeign && entry.version !== entry.baseVersion;
    const hasDeltas = entry.deltas !== undefined;
    const name = retiredName(key, entry.baseVersion);
    const drop = async () => {
      try {
        if (hasPatches) await this.#storage.removePatches(key, { only: entry.baseVersion });
        if (hasDeltas) await this.#storage.removeDeltas(key);
      } finally {
        free();
      }
    };
    if (entry.readers === 0) return await drop();
    if (hasPatches) this.#names.add(name);
    entry.onIdle = () => {
      this.#names.delete(name);
      drop().catch((error: unknown) => log.warn("patches left behind", { key: formatObjectKey(key), error }));
    };
  }
}

/** A unique name for one base of an object. */
function retiredName(key: ObjectKey, baseVersion: number): string {
  return `${formatObjectKey(key)}/${baseVersion}`;
}
