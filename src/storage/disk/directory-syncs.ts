/**
 * Makes what happened to names last through a power loss: syncs of directories that many callers share.
 *
 * A sync covers only what was done before it began. So who comes while one is under way shares the next one, which begins when
 * that ends: no timer, a lone caller never waits for company, and sixteen callers cost two or three syncs.
 * A directory's own name lies in its parent: the parents are synced as well, up to the storage directory, until each name on the way is
 * known to last. A sync that failed may have dropped what it did not write, so that the next would say yes to nothing: the directory is not
 * trusted again by this process.
 */
import path from "node:path";
import { CacheError } from "../../errors.ts";
import { LIMITS } from "../../limits.ts";
import { logFor } from "../../log.ts";
import { diskFailure, errnoOf, isMissing } from "./disk-failure.ts";
import type { DiskSteps } from "./disk-steps.ts";

const log = logFor("storage");

const ROOT = ".";

/** The sync under way, and the one that everybody shares who came since it began. Each tells whether the directory was there. */
interface Turns {
  current: Promise<boolean>;
  next: Promise<boolean> | undefined;
}

export class DirectorySyncs {
  readonly #root: string;
  readonly #steps: DiskSteps;
  readonly #turns = new Map<string, Turns>();
  /** Directories whose own name, and those of all around them, last. */
  readonly #lasting = new Set<string>();
  /** Directories of which a sync failed, and how. */
  readonly #distrusted = new Map<string, string | undefined>();
  #removals = 0;

  /** @param root the storage directory, absolute. */
  constructor(root: string, steps: DiskSteps) {
    this.#root = root;
    this.#steps = steps;
  }

  /**
   * Resolves when every name that was made, replaced or removed in a directory before this call is so after a power loss, too.
   * @param directory relative to the storage directory; one that was removed meanwhile lasts by its parent.
   * @throws {CacheError} STORAGE_IO, STORAGE_FULL: then nothing is promised.
   */
  async settle(directory: string): Promise<void> {
    const removals = this.#removals;
    const chain = this.#notLasting(directory);
    const wereThere = await Promise.all(chain.map((each) => this.#sync(each)));
    // What was removed meanwhile may have come again under its name, and is not known to last.
    if (removals !== this.#removals || wereThere.includes(false)) return;
    if (this.#lasting.size + chain.length > LIMITS.lastingDirectoriesMax) this.#lasting.clear();
    for (const each of chain.slice(0, -1)) this.#lasting.add(each);
  }

  /** False when `settle` will fail. */
  trusts(directory: string): boolean {
    return !this.#distrusted.has(directory);
  }

  /** A directory is gone: one of its name that comes later is another. */
  removed(directory: string): void {
    this.#removals += 1;
    this.#lasting.delete(directory);
    this.#distrusted.delete(directory);
  }

  /** The directory itself, and outwards those that hold a name which is not known to last. */
  #notLasting(directory: string): string[] {
    const chain = [directory];
    for (let each = directory; each !== ROOT && !this.#lasting.has(each); ) {
      each = path.posix.dirname(each);
      chain.push(each);
    }
    return chain;
  }

  /** A sync that begins after this call. @returns false when the directory is gone: then its parent was synced. */
  #sync(directory: string): Promise<boolean> {
    const turns = this.#turns.get(directory);
    if (turns === undefined) {
      const current = this.#run(directory);
      this.#turns.set(directory, { current, next: undefined });
      return current;
    }
    const begin = (): Promise<boolean> => this.#run(directory);
    turns.next ??= turns.current.then(begin, begin);
    return turns.next;
  }

  async #run(directory: string): Promise<boolean> {
    try {
      return await this.#syncNow(directory);
    } finally {
      this.#endTurn(directory);
    }
  }

  /** Who came meanwhile has the next turn. It begins when `current` is fulfilled, which is after this. */
  #endTurn(directory: string): void {
    const next = this.#turns.get(directory)?.next;
    if (next === undefined) this.#turns.delete(directory);
    else this.#turns.set(directory, { current: next, next: undefined });
  }

  async #syncNow(directory: string): Promise<boolean> {
    if (this.#distrusted.has(directory)) {
      const facts = { path: directory, errno: this.#distrusted.get(directory) };
      log.error("an earlier sync of the directory failed", facts);
      throw new CacheError(
        "STORAGE_IO",
        "an earlier sync of the directory failed: what it holds may be lost by a power loss",
        { facts },
      );
    }
    try {
      await this.#steps.syncDirectory(directory === ROOT ? this.#root : `${this.#root}/${directory}`);
      return true;
    } catch (error) {
      if (isMissing(error) && directory !== ROOT) {
        await this.#sync(path.posix.dirname(directory));
        return false;
      }
      this.#distrusted.set(directory, errnoOf(error));
      throw diskFailure(error, directory);
    }
  }
}
