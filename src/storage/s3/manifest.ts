/**
 * What a manifest says about an object, in memory. encode-manifest.ts has the bytes.
 *
 * A manifest is never changed: each change of an object makes a new one. Bytes in it are views of
 * the manifest as it was read, and must not be written to.
 */
import type { ObjectKey } from "../../object/object-key.ts";
import type { Lifetime, ObjectKind } from "../../object/object-metadata.ts";

/** Bytes that follow each other in one place: in the manifest itself, or a whole blob. */
export type Span =
  | { readonly kind: "inline"; readonly bytes: Uint8Array }
  | { readonly kind: "blob"; readonly id: string; readonly sizeBytes: number; readonly crc32: number };

/** The bytes of a base or of a patch: its spans, one after the other. */
export interface Content {
  readonly sizeBytes: number;
  readonly spans: readonly Span[];
}

export interface PatchEntry {
  readonly version: number;
  readonly content: Content;
}

/** A blob that holds the entries of patches with successive versions. */
export interface PatchSegment {
  readonly id: string;
  readonly sizeBytes: number;
  readonly crc32: number;
  readonly firstVersion: number;
  readonly lastVersion: number;
  /** True if the entries refer to blobs. */
  readonly hasBlobs: boolean;
}

/** What a put says about the object, beyond its bytes. */
export interface ObjectFacts {
  readonly form: "file" | "stream";
  readonly kind: ObjectKind;
  readonly rowCount: number;
  /** As in ObjectMetadata. */
  readonly dataBytes: number;
  /** By the store's clock. Absent: the object has no expiry of its own. */
  readonly lifetime?: Lifetime;
  /** Name of the identity that put the object; absent if callers are not identified. */
  readonly putBy?: string;
}

/** Of all patches of an object, beside the base. */
export interface PatchTotals {
  readonly rowCount: number;
  readonly dataBytes: number;
  readonly storedBytes: number;
}

export interface LiveObject extends ObjectFacts {
  /** The version of the put. Patches have the versions above it, without gaps. */
  readonly baseVersion: number;
  /** When the base was put, ms since 1970 by the store's clock. */
  readonly putAtMs: number;
  readonly base: Content;
  /** All patches together. Absent without patches, or if their puts did not say it. */
  readonly patched?: PatchTotals;
  /** Ascending. */
  readonly segments: readonly PatchSegment[];
  /** The latest patches, ascending, above those of the segments. */
  readonly patches: readonly PatchEntry[];
}

export interface Manifest {
  readonly key: ObjectKey;
  /** Of the latest put or patch. A delete keeps it. */
  readonly version: number;
  /** How often the manifest was replaced, deletes included. */
  readonly changes: number;
  /** The operations that changed it, packed (operation-ring.ts); the last made this manifest. */
  readonly recent: Buffer;
  /** Absent: a tombstone. */
  readonly live?: LiveObject;
}

/** The names of the blobs that the manifest itself refers to, segments included. */
export function* blobsOf({ live }: Manifest): Generator<string> {
  if (live === undefined) return;
  for (const { id } of live.segments) yield id;
  for (const content of [live.base, ...live.patches.map((patch) => patch.content)]) yield* blobsIn(content);
}

export function* blobsIn({ spans }: Content): Generator<string> {
  for (const span of spans) if (span.kind === "blob") yield span.id;
}

export function holdsBlobs(content: Content): boolean {
  return content.spans.some((span) => span.kind === "blob");
}

export function contentOf(spans: readonly Span[]): Content {
  const sizes = spans.map((span) => (span.kind === "blob" ? span.sizeBytes : span.bytes.length));
  return { sizeBytes: sizes.reduce((sum, size) => sum + size, 0), spans };
}

/** True if the object's time to live has passed. */
export function isExpired({ live }: Manifest, storeNowMs: number): boolean {
  return live?.lifetime !== undefined && live.lifetime.untilMs <= storeNowMs;
}
