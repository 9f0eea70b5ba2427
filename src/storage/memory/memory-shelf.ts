/**
 * The published files in memory, by application, session and object.
 *
 * The files of one session are found without a look at any other. Empty levels are removed.
 */
import { assert } from "../../errors.ts";
import type { ObjectKey } from "../../object/object-key.ts";
import type { StoredName } from "../object-storage.ts";

/** A file that the shelf can hold. */
export interface ShelvedFile {
  readonly sizeBytes: number;
  /** Called when the file is removed or replaced. */
  retire(): void;
}

/** The files of one object. `patches`: base version -> version -> file. */
export interface HeldObject<File> {
  file: File | undefined;
  stream: File | undefined;
  patches: Map<number, Map<number, File>> | undefined;
}

type Session<File> = Map<string, HeldObject<File>>;

export class MemoryShelf<File extends ShelvedFile> {
  readonly #applications = new Map<string, Map<string, Session<File>>>();
  heldBytes = 0;

  applications(): string[] {
    return [...this.#applications.keys()];
  }

  sessions(applicationId: string): string[] {
    return [...(this.#applications.get(applicationId)?.keys() ?? [])];
  }

  session(applicationId: string, sessionId: string): Session<File> | undefined {
    return this.#applications.get(applicationId)?.get(sessionId);
  }

  object(key: ObjectKey): HeldObject<File> | undefined {
    return this.session(key.applicationId, key.sessionId)?.get(key.objectId);
  }

  /** A snapshot of all files. */
  all(): File[] {
    return [...this.#applications.values()]
      .flatMap((sessions) => [...sessions.values()])
      .flatMap((objects) => [...objects.values()])
      .flatMap(({ file, stream, patches }) => {
        const ofPatches = [...(patches?.values() ?? [])].flatMap((versions) => [...versions.values()]);
        return [file, stream, ...ofPatches].filter((each) => each !== undefined);
      });
  }

  get({ key, part }: StoredName): File | undefined {
    const held = this.object(key);
    if (part.kind === "patch") return held?.patches?.get(part.baseVersion)?.get(part.version);
    return part.kind === "delta" ? undefined : held?.[part.kind];
  }

  /** Stores a file and drops the one that had its name. */
  put(name: StoredName, file: File): void {
    const old = this.get(name);
    this.heldBytes += file.sizeBytes - (old?.sizeBytes ?? 0);
    old?.retire();
    const held = this.#objectMade(name.key);
    const { part } = name;
    assert(part.kind !== "delta", "deltas are written by others, into a directory");
    if (part.kind === "patch") {
      held.patches ??= new Map();
      entry(held.patches, part.baseVersion, () => new Map()).set(part.version, file);
    } else {
      held[part.kind] = file;
    }
  }

  /** @returns false if there was no file. */
  remove(name: StoredName): boolean {
    const file = this.get(name);
    const held = this.object(name.key);
    if (!file || !held) return false;
    this.heldBytes -= file.sizeBytes;
    file.retire();
    const { part } = name;
    if (part.kind === "patch") removePatch(held, part.baseVersion, part.version);
    else if (part.kind !== "delta") held[part.kind] = undefined;
    if (!held.file && !held.stream && !held.patches) this.#dropObject(name.key);
    return true;
  }

  #objectMade(key: ObjectKey): HeldObject<File> {
    const sessions = entry(this.#applications, key.applicationId, () => new Map<string, Session<File>>());
    const objects = entry(sessions, key.sessionId, () => new Map());
    return entry(objects, key.objectId, () => ({ file: undefined, stream: undefined, patches: undefined }));
  }

  #dropObject(key: ObjectKey): void {
    const sessions = this.#applications.get(key.applicationId);
    const objects = sessions?.get(key.sessionId);
    objects?.delete(key.objectId);
    if (objects?.size === 0) sessions?.delete(key.sessionId);
    if (sessions?.size === 0) this.#applications.delete(key.applicationId);
  }
}

function removePatch<File>(held: HeldObject<File>, baseVersion: number, version: number): void {
  const patches = held.patches?.get(baseVersion);
  patches?.delete(version);
  if (patches?.size === 0) held.patches?.delete(baseVersion);
  if (held.patches?.size === 0) held.patches = undefined;
}

function entry<Key, Value>(map: Map<Key, Value>, key: Key, make: () => Value): Value {
  const found = map.get(key);
  if (found !== undefined) return found;
  const made = make();
  map.set(key, made);
  return made;
}
