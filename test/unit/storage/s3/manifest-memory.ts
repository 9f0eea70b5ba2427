/**
 * Remembers many manifests and prints what one costs and what it is charged, bytes; a process of its own, with --expose-gc.
 *
 * They are as a put makes them, with the entries that the cache makes of them. Arguments: manifests, operations of each,
 * patches of each.
 */
import { randomBytes, randomUUID } from "node:crypto";
import { SharedEntries } from "../../../../src/cache/shared/shared-entry.ts";
import { decodeManifest, encodeManifest } from "../../../../src/storage/s3/encode-manifest.ts";
import { contentOf } from "../../../../src/storage/s3/manifest.ts";
import { ManifestCache } from "../../../../src/storage/s3/manifest-cache.ts";
import { formatManifestName } from "../../../../src/storage/s3/names.ts";
import { withOperation } from "../../../../src/storage/s3/operation-ring.ts";

const [count = 0, operations = 1, patches = 0] = process.argv.slice(2).map(Number);
const FACTS = { form: "file", kind: "opaque", rowCount: 1, dataBytes: 100, putAtMs: 1 } as const;
const cache = new ManifestCache(Number.POSITIVE_INFINITY);
const entries = new SharedEntries();

function inline(sizeBytes: number) {
  return contentOf([{ kind: "inline", bytes: Buffer.alloc(sizeBytes) }]);
}

function remember(): void {
  let recent: Buffer | undefined;
  for (let version = 1; version <= operations; version += 1)
    recent = withOperation(recent, { op: randomBytes(16).toString("hex"), version });
  const key = { applicationId: "app", sessionId: "session", objectId: randomUUID() };
  const version = 1 + patches;
  const live = {
    ...{ ...FACTS, baseVersion: 1, base: inline(700), segments: [] },
    patches: Array.from({ length: patches }, (_, index) => ({ version: index + 2, content: inline(100) })),
    ...(patches > 0 && { patched: { rowCount: 1, dataBytes: 1, storedBytes: 1 } }),
  };
  const body = encodeManifest({ key, version, changes: operations, recent: recent!, live });
  const manifest = decodeManifest(body);
  const etag = `"${randomBytes(16).toString("hex")}"`;
  const state = { manifest, etag, sizeBytes: body.length, dateMs: Date.now(), askedMs: performance.now() };
  cache.remember(formatManifestName(key), state, { before: undefined });
  entries.of({ manifest, live: manifest.live! });
}

/** A collection frees buffers in the background; the next one waits until they are freed. */
function usedBytes(): number {
  for (let collections = 0; collections < 3; collections += 1) globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

for (let warm = 0; warm < 1_000; warm += 1) remember();
const [before, chargedBefore] = [usedBytes(), cache.sizeBytes];
for (let number = 0; number < count; number += 1) remember();
const usedEach = (usedBytes() - before) / count;
console.log(JSON.stringify({ usedEach, chargedEach: (cache.sizeBytes - chargedBefore) / count }));
