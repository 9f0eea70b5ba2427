/**
 * The custom metadata of an Arrow file's footer, on its way through the cache: a stream of messages has no place for it, so
 * it travels as the app_metadata of the schema message.
 *
 *     {"arrow.file.metadata": [["key", "value"], ...]}
 *
 * Entries of the cache's own, which a file from its storage directory has, are left out. Values that are not UTF-8 are not
 * kept as they were (arrow/key-values.ts).
 */
import type { SchemaMetadata } from "../arrow/key-values.ts";

const NAME = "arrow.file.metadata";
const OWN_PREFIX = "flame.cache.";

/** Undefined where there is nothing to keep. */
export function encodeFileMetadata(metadata: SchemaMetadata): Buffer | undefined {
  const kept = metadata.filter(([key]) => !key.startsWith(OWN_PREFIX));
  return kept.length === 0 ? undefined : Buffer.from(JSON.stringify({ [NAME]: kept }));
}

/** Nothing where the app_metadata is another program's. */
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
