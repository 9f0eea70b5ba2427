/**
 * The opens of files on disk that are under way, so that one which began before its object changed is known for it.
 *
 * There are as many as calls wait for the disk at once: looking through them all costs less than a map of them.
 */
import type { ObjectKey } from "../../object/object-key.ts";

interface Opening {
  readonly key: ObjectKey;
  isStale: boolean;
}

export class Openings {
  readonly #underWay = new Set<Opening>();

  /** @returns what was opened, and whether something of the object may have changed meanwhile. */
  async run<File>(key: ObjectKey, open: () => Promise<File>): Promise<{ file: File; isStale: boolean }> {
    const opening: Opening = { key, isStale: false };
    this.#underWay.add(opening);
    try {
      return { file: await open(), isStale: opening.isStale };
    } finally {
      this.#underWay.delete(opening);
    }
  }

  /** Something of this object is not what it was. */
  changed({ applicationId, sessionId, objectId }: ObjectKey): void {
    for (const opening of this.#underWay) {
      const { key } = opening;
      opening.isStale ||=
        key.objectId === objectId && key.sessionId === sessionId && key.applicationId === applicationId;
    }
  }
}
