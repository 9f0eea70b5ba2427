/**
 * Makes changes of names durable against power loss, with directory syncs that callers share.
 *
 * A sync covers only what was done before it began (SharedSync). A directory's own name is stored
 * in its parent: parents are synced too, up to the storage directory, until each name on the way is
 * known to be durable. A failed sync may have dropped pages, and the next would succeed without
 * them: this process does not trust the directory again.
 */
import path from "node:path";
import { CacheError } from "../../errors.ts";
import { LIMITS } from "../../limits.ts";
import { logFor } from "../../log.ts";
import { diskFailure, errnoOf, isMissing } from "./disk-failure.ts";
import type { DiskSteps } from "./disk-steps.ts";
import { SharedSync } from "./shared-sync.ts";

const log = logFor("storage");

const ROOT = ".";

export class DirectorySyncs {
  readonly #root: string;
  readonly #steps: DiskSteps;
  /** Those under way. Each reports whether the directory existed. */
  readonly #syncs = new Map<string, SharedSync<boolean>>();
  /** Directories whose own name is durable, with all names above it. */
  readonly #durable = new Set<string>();
  /** Directories with a failed sync, and its errno. */
  readonly #distrusted = new Map<string, string | undefined>();
  #removals = 0;

  /** @param root the storage directory, absolute. */
  constructor(root: string, steps: DiskSteps) {
    this.#root = root;
    this.#steps = steps;
  }

  /**
   * Resolves when every name created, replaced or removed in a directory before this call is
   * durable.
   * @param directory relative to the storage directory; a removed one is durable through its
   *   parent.
   * @throws {CacheError} STORAGE_IO, STORAGE_FULL: then nothing is guaranteed.
   */
  async sync(directory: string): Promise<void> {
    const removals = this.#removals;
    const synced: string[] = [];
    let wereThere = true;
    for (let each = directory; ; each = path.posix.dirname(each)) {
      // One after the other: a parent's sync that began before this directory was made lacks its name.
      const wasThere = await this.#sync(each);
      if (each === ROOT || (wasThere && this.#durable.has(each))) break;
      synced.push(each);
      wereThere &&= wasThere;
    }
    // A directory removed meanwhile may have been created again and is not known to be durable.
    if (removals !== this.#removals || !wereThere) return;
    if (this.#durable.size + synced.length > LIMITS.durableDirectoriesMax) this.#durable.clear();
    for (const each of synced) this.#durable.add(each);
  }

  /** False if `sync` would fail. */
  trusts(directory: string): boolean {
    return !this.#distrusted.has(directory);
  }

  /** The directory was removed: a later one with this name is a new one. */
  removed(directory: string): void {
    this.#removals += 1;
    this.#durable.delete(directory);
    this.#distrusted.delete(directory);
  }

  /** Runs a sync that begins after this call. @returns false if the directory is gone. */
  async #sync(directory: string): Promise<boolean> {
    const syncs = this.#syncs.get(directory) ?? new SharedSync(() => this.#syncNow(directory));
    this.#syncs.set(directory, syncs);
    try {
      return await syncs.run();
    } finally {
      // Another caller may have removed it, and a later one may have begun anew.
      if (syncs.isIdle && this.#syncs.get(directory) === syncs) this.#syncs.delete(directory);
    }
  }

  async #syncNow(directory: string): Promise<boolean> {
    if (this.#distrusted.has(directory)) {
      const facts = { path: directory, errno: this.#distrusted.get(directory) };
      log.error("an earlier sync of the directory failed", facts);
      throw new CacheError(
        "STORAGE_IO",
        "an earlier sync of the directory failed: a power loss may lose its content",
        { facts },
      );
    }
    try {
      await this.#steps.syncDirectory(directory === ROOT ? this.#root : `${this.#root}/${directory}`);
      return true;
    } catch (error) {
      if (isMissing(error) && directory !== ROOT) return false;
      this.#distrusted.set(directory, errnoOf(error));
      throw diskFailure(error, directory);
    }
  }
}
