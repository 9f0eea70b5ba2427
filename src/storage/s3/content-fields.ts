/**
 * The fields of contents and patch entries, in manifests and in segments.
 *
 *     content   number of spans, then each span:
 *     span      0, length, bytes                                 inline
 *               1, identifier (16 bytes), size, CRC-32           a whole blob
 *     entries   how many, then each: version, content
 */
import { LIMITS } from "../../limits.ts";
import type { FieldReader, FieldWriter } from "./byte-fields.ts";
import { type Content, contentOf, type PatchEntry, type Span } from "./manifest.ts";

export const CRC32_MAX = 2 ** 32 - 1;
const INLINE = 0;
const BLOB = 1;

export function writeContent(fields: FieldWriter, content: Content): void {
  fields.number(content.spans.length);
  for (const span of content.spans) {
    if (span.kind === "inline") fields.number(INLINE).bytes(span.bytes);
    else fields.number(BLOB).id(span.id).number(span.sizeBytes).number(span.crc32);
  }
}

/** @throws {CacheError} OBJECT_CORRUPT */
export function readContent(fields: FieldReader): Content {
  const count = fields.number(LIMITS.contentSpansMax);
  const content = contentOf(Array.from({ length: count }, () => readSpan(fields)));
  if (content.sizeBytes > Number.MAX_SAFE_INTEGER) throw fields.corrupt("has a content that is too large");
  return content;
}

function readSpan(fields: FieldReader): Span {
  const kind = fields.number(BLOB);
  if (kind === INLINE) return { kind: "inline", bytes: fields.bytes(LIMITS.manifestBytesMax) };
  return {
    kind: "blob",
    id: fields.id(),
    sizeBytes: fields.number(Number.MAX_SAFE_INTEGER),
    crc32: fields.number(CRC32_MAX),
  };
}

export function writeEntries(fields: FieldWriter, entries: readonly PatchEntry[]): void {
  fields.number(entries.length);
  for (const { version, content } of entries) {
    fields.number(version);
    writeContent(fields, content);
  }
}

/**
 * @param firstVersion the version of the first entry; those of the others follow without a gap.
 * @throws {CacheError} OBJECT_CORRUPT
 */
export function readEntries(fields: FieldReader, firstVersion: number): PatchEntry[] {
  const count = fields.number(LIMITS.manifestPatchesMax);
  const entries: PatchEntry[] = [];
  for (let index = 0; index < count; index += 1) {
    const version = fields.number(LIMITS.versionMax);
    if (version !== firstVersion + index) throw fields.corrupt("has a patch of a wrong version");
    entries.push({ version, content: readContent(fields) });
  }
  return entries;
}
