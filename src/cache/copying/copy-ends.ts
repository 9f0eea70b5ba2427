/**
 * What a copy of a whole store needs of both ends: objects with their versions and files.
 *
 * A store is a storage directory or a bucket. The files of an object are copied byte for byte, so
 * each end only says which files an object has, and takes them. Versions, times to live and the
 * names of identities are in the files, or beside them.
 */
import type { FileForm } from "../../object/file-head.ts";
import type { ObjectKey } from "../../object/object-key.ts";
import type { Lifetime } from "../../object/object-metadata.ts";
import type { StoredFile } from "../../storage/object-storage.ts";
import type { BucketObjects } from "../../storage/s3/bucket-objects.ts";
import type { Pin } from "../retention/pins.ts";

/** An object of the source, as it was at one moment. Its patches have the versions above its base's. */
export interface SourceObject {
  readonly key: ObjectKey;
  /** Of the last patch, or of the base. */
  readonly version: number;
  readonly baseVersion: number;
  readonly form: FileForm;
  /** Its end, also by a rule of its session. Undefined: nothing says one. */
  readonly lifetime: Lifetime | undefined;
  /** Opens the base, or the patch of this version. @throws {CacheError} OBJECT_CORRUPT */
  open(version: number): Promise<StoredFile>;
}

/** What is under a name. `absent`: nothing any more; the key must not get `version` again. */
export type Found =
  | { readonly kind: "object"; readonly object: SourceObject }
  | { readonly kind: "absent"; readonly version: number };

/** A name in the source. */
export interface Listed {
  /** The key as text, or the name in the store if only the object itself says its key. */
  readonly name: string;
  /** @throws {CacheError} OBJECT_CORRUPT if it is damaged, NOT_IMPLEMENTED if it cannot be copied */
  find(): Promise<Found>;
}

/** What clients set for names, beside the objects. */
export interface NameSettings {
  readonly pins: readonly Pin[];
  /** Times to live of sessions and applications, for later puts. */
  readonly rules: readonly { readonly name: string; readonly ttlMs: number }[];
}

export interface CopySource {
  /** @throws {CacheError} INVALID_CONFIG if it cannot be used */
  start(): Promise<void>;
  stop(): Promise<void>;
  /** All names, in no order; few are in memory at a time. */
  list(): AsyncIterable<Listed>;
  /** No key without an object ever had a version above it, except those that `list` finds. */
  versionFloor(): Promise<number>;
  readonly settings: NameSettings;
}

/** `same`: the target has this version. `newer`: it has, or had, a later one, and keeps it. */
export type PutOutcome = "copied" | "same" | "newer";

export interface CopyTarget {
  /** @throws {CacheError} INVALID_CONFIG if it cannot be used */
  start(): Promise<void>;
  stop(): Promise<void>;
  /**
   * Copies an object that is whole or absent at each moment, unless the target has it.
   * @throws {CacheError} OBJECT_CORRUPT, STORAGE_FULL, STORAGE_UNAVAILABLE, INVALID_KEY, CANCELLED
   */
  put(object: SourceObject, signal: AbortSignal): Promise<PutOutcome>;
  raiseVersionFloor(version: number): Promise<void>;
  /** Undefined: it holds none. */
  readonly takeSettings: ((settings: NameSettings) => Promise<void>) | undefined;
}

/** A bucket that a copy reads or writes. */
export interface BucketEnd {
  readonly objects: BucketObjects;
  /** @throws {CacheError} INVALID_CONFIG if the store cannot be used */
  check(): Promise<void>;
  close(): void;
}
