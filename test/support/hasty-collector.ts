/**
 * A collector of garbage that trusts one look and waits for nobody: what the real one would be
 * without its two passes. Tests use it to see that they find lost bytes.
 */
import type { Bucket } from "../../src/s3/bucket.ts";
import { parseBlobName } from "../../src/storage/s3/names.ts";
import { referencesOf } from "../../src/storage/s3/read-references.ts";

/** Removes each blob to which no manifest refers now. */
export async function removeUnreferenced(bucket: Bucket): Promise<void> {
  for await (const page of bucket.list("d/")) {
    for (const { key } of page) {
      const { manifestName, id } = parseBlobName(key)!;
      const references = await referencesOf(bucket, manifestName);
      if (references !== undefined && !references.has(id)) await bucket.removeMany([key]);
    }
  }
}
