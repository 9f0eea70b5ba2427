/**
 * `file://` locations: a client on this host reads the immutable file of an object itself.
 *
 *     file:///storage/app/session/object.arrow?size=BYTES&dev=N&ino=N&mtime_ns=N
 *
 * A client gets a location only if it sends the call header FILE_LOCATIONS_HEADER and runs on this
 * host. The client opens the path and compares all four numbers with those of the opened file. If
 * one differs, the file was replaced, or the path names another file in the client's container.
 * Then the client falls back to DoGet.
 */
import { pathToFileURL } from "node:url";
import type { CacheUse } from "../../access/guarded-cache.ts";
import type { ServerCall } from "../../grpc/call.ts";
import type { ObjectKey } from "../../object/object-key.ts";
import type { FileLocation } from "../../storage/object-storage.ts";

/** `flame-file-locations: 1` */
export const FILE_LOCATIONS_HEADER = "flame-file-locations";

/**
 * The location of an object's file; undefined if this caller gets none.
 * @throws {CacheError} OBJECT_NOT_FOUND, OBJECT_CORRUPT
 */
export async function fileLocationFor(
  call: ServerCall,
  cache: CacheUse,
  key: ObjectKey,
): Promise<string | undefined> {
  if (call.metadata.get(FILE_LOCATIONS_HEADER) !== "1" || !call.isFromThisHost) return undefined;
  if (!cache.capabilities.locatesFiles) return undefined;
  const location = await cache.locate(key);
  // The client reads the file itself, so this is the only log line of the get.
  if (call.facts !== undefined && location !== undefined) {
    Object.assign(call.facts, { action: "get by file location", fileBytes: Number(location.sizeBytes) });
  }
  return location && formatFileLocation(location);
}

export function formatFileLocation({ path, sizeBytes, device, inode, modifiedNs }: FileLocation): string {
  const url = pathToFileURL(path);
  url.search = `size=${sizeBytes}&dev=${device}&ino=${inode}&mtime_ns=${modifiedNs}`;
  return url.href;
}
