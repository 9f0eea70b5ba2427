/**
 * The index: where every object is found in O(1), nested by application and session, so that a prefix is deleted
 * or listed by touching only what it names. It can always be rebuilt from the storage directory.
 */
import type { KeyPattern, ObjectKey } from "../object/object-key.ts";
import type { ObjectKind } from "../object/object-metadata.ts";
import type { ByteRange } from "../object/stored-blocks.ts";

/** A value that can be read without reading the rest of its file. */
export interface StoredValue extends ByteRange {
  /** Of a file of another size nothing is known. */
  readonly fileSizeBytes: number;
}

/** What is known of one object without opening its file. */
export interface IndexEntry {
  readonly kind: ObjectKind;
  /** The form of the base's file. */
  readonly form: "file" | "stream";
  readonly baseVersion: number;
  /** Where the value of an opaque base lies, when that is known and it is one row as it was put. */
  readonly value: StoredValue | undefined;
  /** Of the last patch, or of the base. */
  version: number;
  rowCount: number;
  dataBytes: number;
  /** Gets under way: patches of a replaced base are removed when the last of them is done. */
  readers: number;
  /** Set when the entry was replaced or deleted while readers were at work; the last of them calls it. */
  onIdle: (() => void) | undefined;
  /** False for an object found on disk until its checksum was compared. */
  isVerified: boolean;
  /** Patches found on disk whose checksum is still to be compared: the small ones were when they were found. */
  unverifiedPatches: Set<number> | undefined;
  /** Why the object cannot be read; it stays so until it is replaced or deleted. */
  damage: string | undefined;
}

type Sessions = Map<string, Map<string, IndexEntry>>;

export class ObjectIndex {
  readonly #applications = new Map<string, Sessions>();
  #size = 0;

  /** Objects, damaged ones included. */
  get size(): number {
    return this.#size;
  }

  get(key: ObjectKey): IndexEntry | undefined {
    return this.#applications.get(key.applicationId)?.get(key.sessionId)?.get(key.objectId);
  }

  set(key: ObjectKey, entry: IndexEntry): void {
    const sessions = getOrAdd(this.#applications, key.applicationId, () => new Map());
    const objects = getOrAdd(sessions, key.sessionId, () => new Map());
    if (!objects.has(key.objectId)) this.#size += 1;
    objects.set(key.objectId, entry);
  }

  delete(key: ObjectKey): void {
    const sessions = this.#applications.get(key.applicationId);
    const objects = sessions?.get(key.sessionId);
    if (sessions === undefined || objects === undefined || !objects.delete(key.objectId)) return;
    this.#size -= 1;
    if (objects.size === 0) sessions.delete(key.sessionId);
    if (sessions.size === 0) this.#applications.delete(key.applicationId);
  }

  /** The sessions of an application that hold objects. */
  sessions(applicationId: string): string[] {
    return [...(this.#applications.get(applicationId)?.keys() ?? [])];
  }

  /** What the pattern names, in the order in which it was put; entries may come and go meanwhile. */
  *entries(pattern: KeyPattern): Generator<[ObjectKey, IndexEntry]> {
    if (pattern.scope === "object") {
      const entry = this.get(pattern.key);
      if (entry !== undefined) yield [pattern.key, entry];
      return;
    }
    const wanted = pattern.scope === "all" ? undefined : pattern.applicationId;
    for (const [applicationId, sessions] of pick(this.#applications, wanted)) {
      const session = pattern.scope === "session" ? pattern.sessionId : undefined;
      for (const [sessionId, objects] of pick(sessions, session)) {
        for (const [objectId, entry] of objects) yield [{ applicationId, sessionId, objectId }, entry];
      }
    }
  }
}

/** One entry of a map, or all of them. */
function pick<V>(map: ReadonlyMap<string, V>, key: string | undefined): Iterable<[string, V]> {
  if (key === undefined) return map;
  const value = map.get(key);
  return value === undefined ? [] : [[key, value]];
}

function getOrAdd<V>(map: Map<string, V>, key: string, make: () => V): V {
  const found = map.get(key);
  if (found !== undefined) return found;
  const made = make();
  map.set(key, made);
  return made;
}
