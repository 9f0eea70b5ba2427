/**
 * A read cache of blobs on the local disk: bounded, and kept over restarts.
 *
 * The first get of a blob copies it (docs/decisions/0009-small-puts-and-first-gets-admit.md); what
 * is put is not copied. Blobs never change, so a copy is never stale, and one whose blob is gone
 * ages out. The policy chooses what to drop; a copy that is being read stays. A failure of the disk
 * costs a copy and never a get. A start scans the directory in the background: meanwhile copies are
 * found by their names, and none is written.
 */
import { statfs } from "node:fs/promises";
import path from "node:path";
import { isCacheError } from "../../errors.ts";
import type { EvictionPolicy } from "../../eviction/eviction-policy.ts";
import { LIMITS } from "../../limits.ts";
import { logFor } from "../../log.ts";
import { BlockPool } from "../block-pool.ts";
import { type DirectoryLock, lockDirectory } from "../disk/directory-lock.ts";
import { diskFailure, errnoOf, unusableDirectory } from "../disk/disk-failure.ts";
import { DiskPace } from "../disk/disk-pace.ts";
import { type BeforeStep, DiskSteps } from "../disk/disk-steps.ts";
import { RealDirectories } from "../disk/real-directories.ts";
import { openStoredFile, type ReadingTools, type StoredDiskFile } from "../disk/stored-disk-file.ts";
import type { LocalCounts } from "../storage-counts.ts";
import {
  COPIES_DIRECTORY,
  formatCopyName,
  LOCAL_CACHE,
  prepareCopies,
  randomTag,
  scanCopies,
} from "./copies-directory.ts";
import { type BlobSum, trailerBytes } from "./copy-format.ts";
import { CopyShelf, costOf, type KeptCopy } from "./copy-shelf.ts";
import { CopyUnderWay } from "./copy-under-way.ts";
import { OpenedCopy } from "./opened-copy.ts";

const log = logFor("storage");

/** What the copies take if no capacity is set, as a part of what is free or theirs at the start. */
const DEFAULT_PART = 0.8;

export interface LocalCopiesOptions {
  /** Created if missing. For one process alone. */
  readonly directory: string;
  /** Undefined: a part of what is free at the start. */
  readonly bytesMax: number | undefined;
  readonly policy: EvictionPolicy;
  /** Called before each step that changes the disk: tests fail or stop there. */
  readonly beforeStep?: BeforeStep;
}

/** A blob, and its name in the bucket. */
export interface NamedBlob extends BlobSum {
  readonly blobName: string;
}

export class LocalCopies {
  readonly #root: string;
  readonly #shelf: CopyShelf;
  readonly #steps: DiskSteps;
  readonly #tools: ReadingTools;
  readonly #tag = randomTag();
  readonly #underWay = new Map<string, CopyUnderWay>();
  #isScanned = false;
  #isStopped = false;
  #pausedUntilMs = 0;
  #lock: DirectoryLock | undefined;
  #scanning: Promise<void> = Promise.resolve();
  readonly #removals = new Set<Promise<void>>();
  readonly #counts = {
    hits: 0,
    misses: 0,
    readBytes: 0,
    writtenBytes: 0,
    evicted: 0,
    damaged: 0,
    abandoned: 0,
    failed: 0,
  };

  constructor({ directory, bytesMax, policy, beforeStep }: LocalCopiesOptions) {
    const pace = new DiskPace();
    this.#root = path.resolve(directory);
    this.#shelf = new CopyShelf(policy, (name, reason) => {
      if (reason === "evicted") this.#counts.evicted += 1;
      this.#remove(name);
    });
    this.#shelf.bytesMax = bytesMax;
    this.#steps = new DiskSteps(pace, beforeStep);
    this.#tools = {
      root: this.#root,
      pace,
      directories: new RealDirectories(this.#root, pace),
      blocks: new BlockPool(LIMITS.stageBlockBytes, 0),
      readBlocks: new BlockPool(LIMITS.readChunkBytes, LIMITS.readBlocksKeptMax),
    };
  }

  get counts(): LocalCounts {
    const { size: copies, heldBytes, bytesMax } = this.#shelf;
    return { ...this.#counts, copies, heldBytes, bytesMax };
  }

  /** @throws {CacheError} INVALID_CONFIG */
  async start(): Promise<void> {
    try {
      await prepareCopies(this.#root);
      this.#lock = await lockDirectory(this.#root, LOCAL_CACHE);
    } catch (error) {
      throw unusableDirectory(error, this.#root, LOCAL_CACHE);
    }
    this.#scanning = this.#scan().catch((error: unknown) => {
      log.error("the local cache could not be scanned: it gets no new copies", { errno: errnoOf(error) });
    });
  }

  /** Resolves when what an earlier process left is known. */
  scanned(): Promise<void> {
    return this.#scanning;
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#scanning;
    for (const copy of this.#underWay.values()) copy.giveUp();
    await this.idle();
    await this.#lock?.release();
    this.#lock = undefined;
  }

  /** Resolves when no copy is under way, and what was dropped is removed. */
  async idle(): Promise<void> {
    await Promise.all([...this.#underWay.values()].map((copy) => copy.ended()));
    await Promise.all(this.#removals);
  }

  /** Opens the copy of a blob. Undefined if there is none. Never fails. */
  async open(blob: NamedBlob): Promise<OpenedCopy | undefined> {
    const name = formatCopyName(blob.blobName);
    const known = this.#shelf.get(name);
    const opened =
      known === undefined && this.#isScanned ? undefined : await this.#openFile(name, blob, known);
    if (opened === undefined) this.#counts.misses += 1;
    else this.#counts.hits += 1;
    return opened;
  }

  /**
   * Joins the copy of a blob that is under way, or begins one, for a reader that will leave it.
   * Undefined if none can be made now.
   */
  join(blob: NamedBlob): CopyUnderWay | undefined {
    const name = formatCopyName(blob.blobName);
    const copy = this.#underWay.get(name) ?? this.#begin(name, blob);
    copy?.join();
    return copy;
  }

  async #openFile(name: string, blob: NamedBlob, known?: KeptCopy): Promise<OpenedCopy | undefined> {
    if (known !== undefined) known.readers += 1;
    const path = `${COPIES_DIRECTORY}/${name}`;
    let file: StoredDiskFile | undefined;
    try {
      file = await openStoredFile(this.#tools, path);
    } catch (error) {
      // Without descriptors, for example, the copy is as good as before.
      if (known !== undefined && !(isCacheError(error) && error.facts.errno === "EIO")) {
        known.readers -= 1;
        return undefined;
      }
    }
    const kept = known ?? this.#shelf.get(name) ?? (file && this.#shelf.admit(name, file.sizeBytes));
    if (kept === undefined) return undefined;
    if (known === undefined) kept.readers += 1;
    this.#shelf.touched(kept);
    const owner = {
      damaged: (reason: string) => this.#damaged(kept, reason),
      read: (bytes: number) => {
        this.#counts.readBytes += bytes;
      },
      closed: () => {
        kept.readers -= 1;
      },
    };
    if (file !== undefined) return await OpenedCopy.from(file, blob, owner);
    owner.damaged("missing or unreadable");
    owner.closed();
    return undefined;
  }

  #begin(name: string, blob: NamedBlob): CopyUnderWay | undefined {
    const costBytes = costOf(blob.sizeBytes + trailerBytes(blob.sizeBytes));
    const isReady = this.#isScanned && !this.#isStopped && performance.now() >= this.#pausedUntilMs;
    if (!isReady || this.#underWay.size >= LIMITS.copiesUnderWayMax || !this.#shelf.reserve(costBytes)) {
      return undefined;
    }
    const place = {
      blob,
      steps: this.#steps,
      stagedPath: `${this.#pathOf(name)}.${this.#tag}`,
      path: this.#pathOf(name),
    };
    const ended = (): void => {
      this.#shelf.release(costBytes);
      this.#underWay.delete(name);
    };
    const copy = new CopyUnderWay(place, {
      written: (bytes) => {
        this.#counts.writtenBytes += bytes;
      },
      finished: () => {
        ended();
        this.#shelf.admit(name, blob.sizeBytes + trailerBytes(blob.sizeBytes));
      },
      givenUp: (error) => {
        ended();
        this.#givenUp(name, error);
      },
    });
    this.#underWay.set(name, copy);
    return copy;
  }

  #remove(fileName: string): void {
    const removal = this.#steps.unlinkObject(this.#pathOf(fileName)).catch((error: unknown) => {
      if (errnoOf(error) !== "ENOENT") diskFailure(error, `${COPIES_DIRECTORY}/${fileName}`);
    });
    this.#removals.add(removal);
    void removal.then(() => this.#removals.delete(removal));
  }

  #damaged(kept: KeptCopy, reason: string): void {
    this.#counts.damaged += 1;
    log.warn("a copy on the local disk was dropped; the store has the bytes", {
      copy: kept.evictionKey,
      reason,
    });
    this.#shelf.drop(kept, "deleted");
  }

  #givenUp(name: string, error: unknown): void {
    if (error === undefined) {
      this.#counts.abandoned += 1;
      return;
    }
    this.#counts.failed += 1;
    const nowMs = performance.now();
    // Copies that were under way fail together.
    if (nowMs >= this.#pausedUntilMs) {
      const facts = {
        path: `${COPIES_DIRECTORY}/${name}`,
        errno: errnoOf(error),
        pauseMs: LIMITS.copyPauseMs,
      };
      log.warn("the local disk is full, broken or slow: gets go on without new copies", facts);
    }
    this.#pausedUntilMs = nowMs + LIMITS.copyPauseMs;
  }

  async #scan(): Promise<void> {
    const found: { readonly name: string; readonly sizeBytes: number; readonly usedMs: number }[] = [];
    let parts = 0;
    for await (const each of scanCopies(this.#root, this.#tag)) {
      if (this.#isStopped) return;
      if (each.kind === "copy") found.push(each);
      else this.#remove(each.fileName);
      parts += each.kind === "part" ? 1 : 0;
    }
    found.sort((a, b) => a.usedMs - b.usedMs);
    for (const { name, sizeBytes } of found) this.#shelf.admit(name, sizeBytes);
    this.#shelf.bytesMax ??= await this.#defaultBytes();
    this.#isScanned = true;
    // An earlier process may have had a larger capacity.
    this.#shelf.shrink();
    log.info("local cache scanned", {
      copies: found.length,
      bytes: this.#shelf.heldBytes,
      bytesMax: this.#shelf.bytesMax,
      parts,
    });
  }

  async #defaultBytes(): Promise<number> {
    const { bsize, bavail } = await statfs(this.#root);
    return Math.floor((bsize * bavail + this.#shelf.heldBytes) * DEFAULT_PART);
  }

  #pathOf(fileName: string): string {
    return `${this.#root}/${COPIES_DIRECTORY}/${fileName}`;
  }
}
