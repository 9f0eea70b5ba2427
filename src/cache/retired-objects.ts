/**
 * What was replaced or removed while somebody reads it: its patches stay, and its bytes count, until the last reader is done.
 *
 * The base needs nothing: its file is held open.
 */
import { logFor } from "../log.ts";
import { formatObjectKey, type ObjectKey } from "../object/object-key.ts";
import type { ObjectStorage } from "../storage/object-storage.ts";
import type { IndexEntry } from "./index-entry.ts";
import type { FreeBytes } from "./roster.ts";

const log = logFor("cache");

export class RetiredObjects {
  readonly #storage: ObjectStorage;
  /** Those whose patches are still being read. */
  readonly #names = new Set<string>();

  constructor(storage: ObjectStorage) {
    this.#storage = storage;
  }

  /** True while a get reads patches of a base that was replaced or removed. */
  isBeingRead(key: ObjectKey, baseVersion: number): boolean {
    return this.#names.has(retiredName(key, baseVersion));
  }

  /** Removes patches and deltas now, or when the last reader has closed; `free` is called when nothing is left. */
  async retire(key: ObjectKey, entry: IndexEntry, free: FreeBytes): Promise<void> {
    // A base of another program has no patches of ours: what lies under its version are those of the base that takes its place.
    const hasPatches = !entry.isForeign && entry.version !== entry.baseVersion;
    const hasDeltas = entry.deltas !== undefined;
    const name = retiredName(key, entry.baseVersion);
    const drop = async () => {
      try {
        if (hasPatches) await this.#storage.removePatches(key, { only: entry.baseVersion });
        if (hasDeltas) await this.#storage.removeDeltas?.(key);
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

/** One base of an object: no two have the same. */
function retiredName(key: ObjectKey, baseVersion: number): string {
  return `${formatObjectKey(key)}/${baseVersion}`;
}
