/**
 * Copies all objects of a store into another one, several at once.
 *
 * It remembers nothing: what the target has already is skipped, so a run that was ended goes on
 * with the next one, and repeats at most the objects that were under way. Objects that cannot be
 * copied are reported, and the others follow. A failure of the target ends the run.
 * Memory: LIMITS.copyObjectsAtOnce objects, whatever the store holds.
 */
import { CacheError, isCacheError } from "../../errors.ts";
import { LIMITS } from "../../limits.ts";
import { isReplaced } from "../../storage/s3/bucket-objects.ts";
import type { CopySource, CopyTarget, Found, Listed } from "./copy-ends.ts";

export interface CopyCounts {
  copied: number;
  /** The target had this version. */
  same: number;
  /** The target has, or had, a later version, and keeps it. */
  newer: number;
  damaged: number;
  /** The target cannot hold them, or they need a server first. */
  refused: number;
}

/** Why one object was not copied. */
export interface CopyProblem {
  readonly name: string;
  readonly kind: "newer" | "damaged" | "refused";
  readonly reason: string;
}

export interface CopyOptions {
  readonly source: CopySource;
  readonly target: CopyTarget;
  readonly signal: AbortSignal;
  onProblem(problem: CopyProblem): void;
  /** After each object. */
  onProgress(counts: Readonly<CopyCounts>): void;
}

export interface CopySummary extends CopyCounts {
  /** What the target cannot hold. */
  readonly pinsLeft: number;
  readonly rulesLeft: number;
}

const REFUSALS: ReadonlySet<string> = new Set(["INVALID_KEY", "NOT_IMPLEMENTED", "OBJECT_TOO_LARGE"]);
const NEWER = "the target has, or had, a later version";

/** @throws {CacheError} CANCELLED, STORAGE_FULL, STORAGE_IO, STORAGE_UNAVAILABLE */
export async function copyStore(options: CopyOptions): Promise<CopySummary> {
  const run = new CopyRun(options);
  const { source, target } = options;
  await target.raiseVersionFloor(await source.versionFloor());
  await run.copyAll();
  await target.raiseVersionFloor(run.versionFloor);
  const { pins, rules } = source.settings;
  await target.takeSettings?.({ pins, rules });
  const isLeft = target.takeSettings === undefined;
  return { ...run.counts, pinsLeft: isLeft ? pins.length : 0, rulesLeft: isLeft ? rules.length : 0 };
}

class CopyRun {
  readonly counts: CopyCounts = { copied: 0, same: 0, newer: 0, damaged: 0, refused: 0 };
  readonly #options: CopyOptions;
  readonly #running = new Set<Promise<void>>();
  /** The first failure that ends the run. */
  #failure: { readonly error: unknown } | undefined;
  #highestVersion = 0;
  /** Of keys that have no object in the source. */
  #absentVersion = 0;

  constructor(options: CopyOptions) {
    this.#options = options;
  }

  /** The version of a damaged object is lost: no version of its key can be above this one. */
  get versionFloor(): number {
    if (this.counts.damaged === 0) return this.#absentVersion;
    const lost = Math.max(this.#highestVersion, this.#absentVersion) + LIMITS.versionJumpOnLoss;
    return Math.min(lost, LIMITS.versionMax);
  }

  async copyAll(): Promise<void> {
    const { source, signal } = this.#options;
    try {
      for await (const listed of source.list()) {
        while (this.#running.size >= LIMITS.copyObjectsAtOnce) await Promise.race(this.#running);
        if (this.#failure !== undefined || signal.aborted) break;
        const copying = this.#copyOne(listed).finally(() => this.#running.delete(copying));
        this.#running.add(copying);
      }
    } finally {
      await Promise.all(this.#running);
    }
    if (this.#failure !== undefined) throw this.#failure.error;
    if (signal.aborted) throw new CacheError("CANCELLED", "the copy was stopped");
  }

  /** Never rejects. */
  async #copyOne(listed: Listed): Promise<void> {
    try {
      await this.#copy(listed);
    } catch (error) {
      if (isCacheError(error, "OBJECT_CORRUPT")) this.#report(listed, "damaged", error.message);
      else if (isCacheError(error) && REFUSALS.has(error.code)) {
        this.#report(listed, "refused", error.message);
      } else this.#failure ??= { error };
    }
    this.#options.onProgress(this.counts);
  }

  async #copy({ name, find }: Listed): Promise<void> {
    const { target, signal } = this.#options;
    for (let tries = 1; ; tries += 1) {
      const found = await find();
      this.#saw(found);
      if (found.kind === "absent") return;
      try {
        const outcome = await target.put(found.object, signal);
        if (outcome === "newer") this.#report({ name }, "newer", NEWER);
        else this.counts[outcome] += 1;
        return;
      } catch (error) {
        // A server replaced it while it was read: copy what it is now.
        if (!isReplaced(error) || tries >= LIMITS.missingBlobReadsMax) throw error;
      }
    }
  }

  #saw(found: Found): void {
    if (found.kind === "absent") this.#absentVersion = Math.max(this.#absentVersion, found.version);
    else this.#highestVersion = Math.max(this.#highestVersion, found.object.version);
  }

  #report({ name }: Pick<Listed, "name">, kind: CopyProblem["kind"], reason: string): void {
    this.counts[kind] += 1;
    this.#options.onProblem({ name, kind, reason });
  }
}
