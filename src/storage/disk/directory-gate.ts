/**
 * Lets one at a time make directories for a file that moves in, or remove directories that became empty.
 *
 * Without it a removal could take a directory away between another call's mkdir and its rename, again and again.
 * Only the first object of a session and removals pass here; every other publish finds its directory there.
 */
export class DirectoryGate {
  #last: Promise<unknown> = Promise.resolve();

  /** Runs `work` when all that came before has ended, however it ended. */
  pass<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = this.#last.then(work);
    this.#last = result.catch(() => {});
    return result;
  }
}
