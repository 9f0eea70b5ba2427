/**
 * Every name that a scan tells of, whether the engine understood its file or somebody has to look closer.
 */
import type { ScannedObjects, StoredName } from "../../src/storage/object-storage.ts";

export function namesIn({ applicationId, sessionId, facts, names }: ScannedObjects): StoredName[] {
  const understood = facts.objectIds.map((objectId): StoredName => {
    return { key: { applicationId, sessionId, objectId }, part: { kind: "file" } };
  });
  return [...understood, ...names];
}
