/**
 * Carries the custom metadata of an Arrow file's footer through the cache.
 *
 * A stream of messages has no place for it, so it travels as the app_metadata of the schema
 * message:
 *
 *     {"arrow.file.metadata": [["key", "value"], ...]}
 *
 * The cache's own entries, present in files of its storage directory, are left out. Values that are
 * not UTF-8 change on the way (arrow/key-values.ts).
 */
import type { SchemaMetadata } from "../arrow/key-values.ts";

const NAME = "arrow.file.metadata";
const OWN_PREFIX = "flame.cache.";

/** Undefined if there are no entries to keep. */
export function encodeFileMetadata(metadata: SchemaMetadata): Buffer | undefined {
  const kept = metadata.filter(([key]) => !key.startsWith(OWN_PREFIX));
  return kept.length === 0 ? undefined : Buffer.from(JSON.stringify({ [NAME]: kept }));
}

/** The entries; empty if the app_metadata has another form. */
export function decodeFileMetadata(appMetadata: Buffer): SchemaMetadata {
  if (
    !appMetadata
      .subarray(0, NAME.length + 2)
      .toString()
      .startsWith(`{"${NAME}`)
  )
    return [];
  try {
    const { [NAME]: entries } = JSON.parse(appMetadata.toString()) as Record<string, unknown>;
    return Array.isArray(entries) ? entries.filter(isEntry) : [];
  } catch (error) {
    if (error instanceof SyntaxError) return [];
    throw error;
  }
}

function isEntry(entry: unknown): entry is readonly [string, string] {
  return Array.isArray(entry) && entry.length === 2 && entry.every((part) => typeof part === "string");
}
