/**
 * How many objects and bytes each application has, and each identity that put them.
 *
 * The registry updates it in the turn in which an object is added, grows or is removed.
 * Cost: two lookups for each change; about 100 bytes for each application and identity.
 */
import type { ObjectKey } from "../object/object-key.ts";
import type { IndexEntry } from "./index-entry.ts";

export interface Usage {
  readonly objects: number;
  /** Of their files, including patches. */
  readonly bytes: number;
}

export const NOTHING: Usage = { objects: 0, bytes: 0 };

interface Count {
  objects: number;
  bytes: number;
}

export class UsageTable {
  readonly #all: Count = { objects: 0, bytes: 0 };
  readonly #find: (key: ObjectKey) => IndexEntry | undefined;
  readonly #applications = new Map<string, Count>();
  readonly #identities = new Map<string, Count>();

  /** @param find the indexed entry of a key */
  constructor(find: (key: ObjectKey) => IndexEntry | undefined) {
    this.#find = find;
  }

  get all(): Usage {
    return this.#all;
  }

  /** Names of the applications that have objects. */
  get applications(): Iterable<string> {
    return this.#applications.keys();
  }

  ofApplication(applicationId: string): Usage {
    return this.#applications.get(applicationId) ?? NOTHING;
  }

  /** Of the objects that this identity put, as far as they were put with a name. */
  ofIdentity(name: string): Usage {
    return this.#identities.get(name) ?? NOTHING;
  }

  /**
   * Of one object; zero if it is not in the index.
   * @param by zero also if another identity put it
   */
  ofObject(key: ObjectKey, by?: string): Usage {
    const entry = this.#find(key);
    return entry === undefined || (by !== undefined && entry.putBy !== by)
      ? NOTHING
      : { objects: 1, bytes: entry.storedBytes };
  }

  added(entry: IndexEntry): void {
    this.#change(entry, 1, entry.storedBytes);
  }

  grown(entry: IndexEntry, addedBytes: number): void {
    this.#change(entry, 0, addedBytes);
  }

  removed(entry: IndexEntry): void {
    this.#change(entry, -1, -entry.storedBytes);
  }

  #change({ applicationId, putBy }: IndexEntry, objects: number, bytes: number): void {
    this.#all.objects += objects;
    this.#all.bytes += bytes;
    change(this.#applications, applicationId, objects, bytes);
    if (putBy !== undefined) change(this.#identities, putBy, objects, bytes);
  }
}

function change(counts: Map<string, Count>, name: string, objects: number, bytes: number): void {
  const count = counts.get(name);
  if (count === undefined) {
    counts.set(name, { objects, bytes });
    return;
  }
  count.objects += objects;
  count.bytes += bytes;
  if (count.objects === 0) counts.delete(name);
}
