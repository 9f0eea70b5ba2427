/**
 * Gives back a key whose manifest is damaged: its bytes move to `q/`, for inspection, and a
 * tombstone takes its place.
 *
 * The version that the object had is lost with it. So the tombstone's version is far above the
 * floor and above what this replica remembers, as on disk. Blobs of the object become garbage.
 */
import { CacheError, isCacheError } from "../../errors.ts";
import { LIMITS } from "../../limits.ts";
import type { ObjectKey } from "../../object/object-key.ts";
import type { Bucket } from "../../s3/bucket.ts";
import { decodeManifest, encodeManifest } from "./encode-manifest.ts";
import type { ManifestStore } from "./manifest-store.ts";
import { formatManifestName, QUARANTINE, randomId } from "./names.ts";
import { withOperation } from "./operation-ring.ts";
import { backOff } from "./timing.ts";
import type { VersionFloor } from "./version-floor.ts";

interface DamagedStore {
  readonly manifests: ManifestStore;
  readonly floor: VersionFloor;
}

/**
 * @returns false if the manifest is intact or there is none.
 * @throws {CacheError} STORAGE_UNAVAILABLE
 */
export async function quarantineManifest(
  { manifests, floor }: DamagedStore,
  key: ObjectKey,
): Promise<boolean> {
  const { bucket, timing } = manifests;
  const name = formatManifestName(key);
  for (let tries = 0; tries < LIMITS.bucketWriteTriesMax; tries += 1) {
    const read = await bucket.read(name, { bytesMax: LIMITS.manifestBytesMax });
    if (read.kind !== "found" || isIntact(read.body, name)) return tries > 0;
    await keepBytes(bucket, name, read.body);
    const known = Math.max(await floor.version(), manifests.held(key)?.manifest?.version ?? 0);
    const version = Math.min(known + LIMITS.versionJumpOnLoss, LIMITS.versionMax);
    const tombstone = {
      key,
      version,
      changes: 1,
      recent: withOperation(undefined, { op: randomId(), version }),
    };
    const outcome = await bucket.write(name, [encodeManifest(tombstone)], { ifMatch: read.etag });
    if (outcome.kind === "done") return true;
    await backOff(timing, tries, outcome.kind === "retry" ? outcome.afterMs : 0);
  }
  throw new CacheError(
    "STORAGE_UNAVAILABLE",
    "the store did not accept the removal of a damaged object in time",
  );
}

function isIntact(body: Buffer, name: string): boolean {
  try {
    return formatManifestName(decodeManifest(body).key) === name;
  } catch (error) {
    if (isCacheError(error, "OBJECT_CORRUPT")) return false;
    throw error;
  }
}

/** One attempt: nothing depends on these bytes. */
async function keepBytes(bucket: Bucket, name: string, body: Buffer): Promise<void> {
  await bucket.write(`${QUARANTINE}${name}/${randomId()}`, [body]);
}
