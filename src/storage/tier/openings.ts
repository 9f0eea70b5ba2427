/**
 * Tracks pending opens of an engine's files, to detect an open that began before its object changed.
 *
 * There are only as many as calls wait for the engine, so a linear search is cheaper than a map.
 */
import type { ObjectKey } from "../../object/object-key.ts";

interface Opening {
  readonly key: ObjectKey;
  isStale: boolean;
}

export class Openings {
  readonly #underWay = new Set<Opening>();

  /** @returns the opened file, and whether the object may have changed meanwhile. */
  async run<File>(key: ObjectKey, open: () => Promise<File>): Promise<{ file: File; isStale: boolean }> {
    const opening: Opening = { key, isStale: false };
    this.#underWay.add(opening);
    try {
      return { file: await open(), isStale: opening.isStale };
    } finally {
      this.#underWay.delete(opening);
    }
  }

  /** Marks pending opens of this object as stale. */
  changed({ applicationId, sessionId, objectId }: ObjectKey): void {
    for (const opening of this.#underWay) {
      const { key } = opening;
      opening.isStale ||=
        key.objectId === objectId && key.sessionId === sessionId && key.applicationId === applicationId;
    }
  }
}
