/**
 * Lists the objects of a bucket, an application or a session, page by page.
 *
 * A LIST says by size which names are tombstones, and by ETag which remembered manifests are
 * current; of the others the manifest is read, a few at a time. Objects come in no order. Each one
 * is shown as it was at some moment of the call.
 * Cost: one request for 1,000 names whose manifests are remembered, one for each other object. A
 * list displaces no remembered manifest.
 */
import { isCacheError } from "../../errors.ts";
import { LIMITS } from "../../limits.ts";
import type { ObjectKey } from "../../object/object-key.ts";
import type { ListedKey } from "../../s3/bucket.ts";
import { isExpired, type LiveObject, type Manifest } from "./manifest.ts";
import type { ManifestState } from "./manifest-cache.ts";
import type { ManifestStore } from "./manifest-store.ts";
import { formatNamePrefix, MANIFESTS, type NameScope, parseManifestName } from "./names.ts";

export interface ListedObject {
  readonly manifest: Manifest;
  readonly live: LiveObject;
}

/**
 * Objects whose manifest cannot be read are left out.
 * @param isWanted keys of others are left out; their manifests are not read.
 * @throws {CacheError} STORAGE_UNAVAILABLE
 */
export async function* listObjects(
  store: ManifestStore,
  scope: NameScope = {},
  isWanted: (key: ObjectKey) => boolean = () => true,
): AsyncGenerator<readonly ListedObject[]> {
  for await (const page of store.bucket.list(formatNamePrefix(MANIFESTS, scope))) {
    const names = page.filter((listed) => isObject(listed, isWanted));
    for (let start = 0; start < names.length; start += LIMITS.listedManifestsMax) {
      const some = names.slice(start, start + LIMITS.listedManifestsMax);
      const shown = (await readAll(store, some)).flatMap((state) => showState(store, state));
      yield shown.filter(({ manifest }) => isWanted(manifest.key));
    }
  }
}

function isObject({ key: name, sizeBytes }: ListedKey, isWanted: (key: ObjectKey) => boolean): boolean {
  if (sizeBytes === LIMITS.tombstoneBytes) return false;
  const parsed = parseManifestName(name);
  return parsed !== undefined && (parsed.key === undefined || isWanted(parsed.key));
}

/** In order of the names, LIMITS.listReadsAtOnce at a time. */
async function readAll(store: ManifestStore, listed: readonly ListedKey[]): Promise<ManifestState[]> {
  const states: (ManifestState | undefined)[] = [];
  let next = 0;
  const readSome = async (): Promise<void> => {
    while (next < listed.length) {
      const place = next;
      next += 1;
      const { key, etag } = listed[place]!;
      states[place] = await readOne(store, key, etag);
    }
  };
  await Promise.all(Array.from({ length: LIMITS.listReadsAtOnce }, readSome));
  return states.filter((state) => state !== undefined);
}

async function readOne(
  store: ManifestStore,
  name: string,
  etag: string | undefined,
): Promise<ManifestState | undefined> {
  try {
    return await store.readListed(name, etag);
  } catch (error) {
    if (isCacheError(error, "OBJECT_CORRUPT")) return undefined;
    throw error;
  }
}

function showState(store: ManifestStore, state: ManifestState): ListedObject[] {
  const { manifest } = state;
  const isShown = manifest?.live !== undefined && !isExpired(manifest, store.storeNowMs(state));
  return isShown ? [{ manifest, live: manifest.live }] : [];
}
