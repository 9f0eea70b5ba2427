/**
 * A mutex for callers that create directories for a file, or remove empty directories.
 *
 * Without it a removal could repeatedly delete a directory between another call's mkdir and rename.
 * Only the first object of a session and removals use it; every other publish finds its directory.
 */
export class DirectoryGate {
  #last: Promise<unknown> = Promise.resolve();

  /** Runs `work` when all earlier work has ended, successfully or not. */
  pass<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = this.#last.then(work);
    this.#last = result.catch(() => {});
    return result;
  }
}
