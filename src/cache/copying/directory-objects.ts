/**
 * The objects of a storage directory as its files say them, without an index, for a copy.
 *
 * Nothing is moved or removed, also if it is damaged: the directory is only read. Of two forms of a
 * base the higher version is the object. Patches must follow the base without a gap. Patches of the
 * Rust cache are not read: a server that serves the directory converts them.
 */
import { CacheError } from "../../errors.ts";
import type { FileForm } from "../../object/file-head.ts";
import type { ObjectKey } from "../../object/object-key.ts";
import type { Lifetime } from "../../object/object-metadata.ts";
import { readStoredObject } from "../../object/stored-object.ts";
import type { ObjectStorage, StoredFile } from "../../storage/object-storage.ts";

export interface DirectoryObject {
  readonly version: number;
  readonly baseVersion: number;
  readonly form: FileForm;
  /** As in its file. */
  readonly stored: Lifetime | undefined;
}

/**
 * Undefined if there is no object, or if its file is not complete yet.
 * @throws {CacheError} OBJECT_CORRUPT, NOT_IMPLEMENTED
 */
export async function readDirectoryObject(
  storage: ObjectStorage,
  key: ObjectKey,
): Promise<DirectoryObject | undefined> {
  const bases = [await readBase(storage, key, "file"), await readBase(storage, key, "stream")];
  const [base, other] = bases.filter((each) => each !== undefined);
  if (base === undefined) return undefined;
  const found = other === undefined || base.version > other.version ? base : other;
  if ((await storage.listDeltas(key)).length > 0) {
    const text = "it has patches of the Rust cache: patch or put it through a server of the directory first";
    throw new CacheError("NOT_IMPLEMENTED", text);
  }
  const { version: baseVersion, form, stored } = found;
  // Files beside a base of another program are left over from an interrupted conversion.
  const patches = found.isOwn ? await storage.listPatches(key, baseVersion) : [];
  for (const [index, patch] of patches.entries()) {
    const expected = baseVersion + index + 1;
    if (patch !== expected) throw new CacheError("OBJECT_CORRUPT", `patch ${expected} is missing`);
  }
  return { version: baseVersion + patches.length, baseVersion, form, stored };
}

async function readBase(storage: ObjectStorage, key: ObjectKey, form: FileForm) {
  const file = await storage.open({ key, part: { kind: form } }, "look");
  if (file === undefined) return undefined;
  try {
    const object = await readStoredObject(file, form);
    return object && { version: object.version, form, stored: object.lifetime, isOwn: object.isOwn };
  } finally {
    file.close();
  }
}

/** Opens the base, or the patch of this version. @throws {CacheError} OBJECT_CORRUPT */
export async function openDirectoryFile(
  storage: ObjectStorage,
  { key, form, baseVersion }: { key: ObjectKey; form: FileForm; baseVersion: number },
  version: number,
): Promise<StoredFile> {
  const part =
    version === baseVersion ? ({ kind: form } as const) : ({ kind: "patch", baseVersion, version } as const);
  const file = await storage.open({ key, part }, "look");
  if (file === undefined) throw new CacheError("OBJECT_CORRUPT", `the file of version ${version} is missing`);
  return file;
}
