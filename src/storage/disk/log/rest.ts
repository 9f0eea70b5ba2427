/**
 * Brings recent files to rest: writes the files of puts, unlinks removed ones.
 *
 * A file is written when it has not changed for a while, so that one that is overwritten a thousand
 * times is written once; sooner if segments run short, and at once for a caller that needs it. One
 * file at a time, in the order of the log. While calls use most of the loop's time, this takes a
 * tenth of it. The log is synced before anything is unlinked: the version floor must not be lost
 * where a removal is not.
 */
import fs from "node:fs";
import { performance } from "node:perf_hooks";
import { LoopUse } from "../../../busy-poll.ts";
import { LIMITS } from "../../../limits.ts";
import { logFor } from "../../../log.ts";
import { diskFailure, isDiskFull, unlessDiskFailure } from "../disk-failure.ts";
import type { DirectoryTools } from "../disk-tools.ts";
import { directoryOf } from "../real-directories.ts";
import { removeEmptyDirectories, unlinkFile } from "../removal.ts";
import type { StagingArea } from "../staging-area.ts";
import type { DiskLog, Resting } from "./disk-log.ts";
import { encodePlace } from "./log-record.ts";
import { placeOf, type Recent } from "./log-segment.ts";
import { Releases } from "./releases.ts";

const log = logFor("storage");

/** What writing and removing files takes. */
export interface RestTools extends DirectoryTools {
  readonly area: StagingArea;
}

/** Which files come to rest. */
interface Due {
  /** Puts that were recorded until then. */
  readonly untilMs: number;
  /** At most this many puts. */
  readonly filesMax: number;
  /** Files that failed, if they are to be tried again by then. */
  readonly triedMs: number;
}

export class Rest implements Resting {
  readonly #log: DiskLog;
  readonly #tools: RestTools;
  /** When to try removals again after one failed. */
  #removalsDueMs = 0;
  readonly #releases: Releases;
  #turn: Promise<unknown> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #dueMs = 0;
  #work: Promise<void> | undefined;
  #isStopped = false;
  /** True while a `rested` record waits to be written. */
  #isNoting = false;
  readonly #loopUse = new LoopUse();
  /** Until then other work has the loop. */
  #pausedToMs = 0;

  constructor(log: DiskLog, tools: RestTools) {
    this.#log = log;
    this.#tools = tools;
    this.#releases = new Releases(log, tools);
  }

  /** The engine starts, perhaps again. */
  begin(): void {
    this.#isStopped = false;
  }

  wake(): void {
    if (this.#work !== undefined || this.#isStopped) return;
    const nowMs = Date.now();
    const { recents, settings } = this.#log;
    const pauseMs = this.#log.segments.isShort ? 0 : Math.max(0, this.#pausedToMs - nowMs);
    // What comes now is due no sooner.
    const soonMs = recents.gone.size > 0 ? REMOVAL_DELAY_MS : settings.restDelayMs;
    const soonestMs = Math.max(pauseMs, this.#releases.isDue ? 0 : soonMs);
    if (this.#timer !== undefined && this.#dueMs <= nowMs + soonestMs) return;
    const delayMs = this.#delayMs(nowMs);
    if (delayMs === undefined) return;
    clearTimeout(this.#timer);
    this.#dueMs = nowMs + Math.max(pauseMs, delayMs);
    this.#timer = setTimeout(() => this.#begin(), this.#dueMs - nowMs).unref();
  }

  async now(path: string): Promise<void> {
    const { recents, writer } = this.#log;
    const pending = recents.pending(path);
    if (pending?.kind === "gone") await writer.sync();
    else if (pending !== undefined) await this.#syncPromised([pending]);
    else return;
    await this.#inTurn(async () => {
      const recent = recents.pending(path);
      if (recent?.kind === "put") await this.#restPut(recent);
      else if (recent !== undefined) {
        await this.#unlink(recent);
        recents.rested(recent);
      }
    });
  }

  /**
   * Does the work. If the disk is full, it frees what was removed or replaced, and does the work once
   * more.
   * @param work may be begun again after a failure.
   */
  async withSpace<Result>(work: () => Promise<Result>): Promise<Result> {
    try {
      return await work();
    } catch (error) {
      if (!isDiskFull(error)) throw error;
      const freed = (await this.#tools.area.freed()) + (await this.#restRemovals());
      if (freed === 0) throw error;
      return await work();
    }
  }

  async settle(): Promise<void> {
    while (this.#work !== undefined) await this.#work;
    const all = Number.POSITIVE_INFINITY;
    await this.#restDue({ untilMs: all, filesMax: all, triedMs: all });
  }

  /** Brings everything to rest, and releases what can be. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    await this.settle();
    await this.#releases.stop();
  }

  #begin(): void {
    this.#timer = undefined;
    this.#work = this.#workOff().finally(() => {
      this.#work = undefined;
      this.#log.segments.onChange();
      this.wake();
    });
  }

  async #workOff(): Promise<void> {
    const { segments, settings } = this.#log;
    // Of the time since the last work: what is done here does not count.
    const isBusy = this.#loopUse.part >= BUSY;
    const startMs = performance.now();
    const nowMs = Date.now();
    const untilMs = segments.isShort ? nowMs : nowMs - settings.restDelayMs;
    await this.#restDue({ untilMs, filesMax: LIMITS.restedPerRun, triedMs: nowMs });
    await this.#releases.due();
    this.#loopUse.restart();
    if (!isBusy) return;
    this.#pausedToMs = Date.now() + (performance.now() - startMs) * LIMITS.restPauseFactor;
  }

  /** Brings files to rest: removals first, then puts. */
  async #restDue(due: Due): Promise<void> {
    try {
      const removed = this.#removalsDueMs <= due.triedMs ? await this.#restRemovals() : 0;
      const puts = this.#duePuts(due);
      await this.#syncPromised(puts);
      let failures = 0;
      for (const recent of puts) {
        await this.#inTurn(() => this.#tryPut(recent));
        if (recent.retryAtMs !== undefined) failures += 1;
        if (failures >= LIMITS.restFailuresMax) break;
      }
      if (removed + puts.length > 0 && !this.#isNoting) this.#noteRested();
    } catch (error) {
      log.error("recent files could not come to rest: the log keeps them", { error });
    }
  }

  #duePuts({ untilMs, filesMax, triedMs }: Due): Recent[] {
    const due: Recent[] = [];
    for (const segment of this.#log.segments.used) {
      for (const recent of segment.pending) {
        if (due.length >= filesMax || (recent.atMs > untilMs && !segment.isDistrusted)) return due;
        if (recent.kind === "put" && (recent.retryAtMs ?? 0) <= triedMs) due.push(recent);
      }
    }
    return due;
  }

  /**
   * A file that is not synced may take the place of one that was promised: then its record must
   * survive. If it cannot be synced, the file is what is left of it.
   */
  async #syncPromised(recents: readonly Recent[]): Promise<void> {
    if (recents.some(({ segment }) => segment.isPromised)) await this.#log.writer.sync().catch(() => {});
  }

  async #tryPut(recent: Recent): Promise<void> {
    await this.#tools.pace.turn();
    try {
      delete recent.retryAtMs;
      await this.#restPut(recent);
    } catch (error) {
      // Logged where it failed.
      unlessDiskFailure(error);
      recent.retryAtMs = Date.now() + LIMITS.restRetryMs;
    }
  }

  async #restPut(recent: Recent): Promise<void> {
    const { area, steps, recorder } = this.#tools;
    const { recents } = this.#log;
    const { path, contentBytes } = recent;
    const isCurrent = (): boolean => recents.pending(path) === recent;
    if (!isCurrent()) return;
    const staged = await area.create().catch((error: unknown) => {
      throw diskFailure(error, path);
    });
    let fd: number | undefined = staged.fd;
    try {
      await steps.writeStaged(fd, [this.#log.read(recent)], 0);
      if (recent.atMs > 0) fs.futimesSync(fd, recent.atMs / 1000, recent.atMs / 1000);
      if (recent.isSyncedFirst === true) await steps.syncStaged(fd);
      fd = undefined;
      await steps.closeStaged(staged.fd);
      if (isCurrent()) await area.moveIntoPlace(staged.path, path, contentBytes);
      else await area.drop({ path: staged.path, fd });
    } catch (error) {
      await area.drop({ path: staged.path, fd });
      throw diskFailure(error, path);
    }
    recorder.changed();
    recents.rested(recent);
  }

  /** @returns how many were removed. */
  async #restRemovals(): Promise<number> {
    const { recents, writer } = this.#log;
    const all = [...recents.gone];
    if (all.length === 0) return 0;
    await writer.sync();
    const removed: Recent[] = [];
    const directories = new Set<string>();
    for (const recent of all) {
      await this.#inTurn(async () => {
        try {
          if (await this.#unlink(recent)) directories.add(directoryOf(recent.path));
          removed.push(recent);
        } catch {
          this.#removalsDueMs = Date.now() + LIMITS.restRetryMs;
          recent.retryAtMs = this.#removalsDueMs;
        }
      });
    }
    for (const directory of directories) await removeEmptyDirectories(this.#tools, directory);
    // Behind the directories: lists of sessions leave them out until then.
    for (const recent of removed) recents.rested(recent);
    return removed.length;
  }

  /** The log is synced. @returns true if there was a file. */
  async #unlink(recent: Recent): Promise<boolean> {
    return this.#log.recents.pending(recent.path) === recent && (await unlinkFile(this.#tools, recent.path));
  }

  /** Tells the next start what the directory has. */
  #noteRested(): void {
    const { recents, segments, writer } = this.#log;
    const first = segments.used.find(({ pending }) => pending.size > 0);
    const [recent] = first?.pending ?? [];
    const place = recent === undefined ? writer.end : placeOf(recent);
    const content = [encodePlace(place.number, place.position)];
    const noted = recents.beginNote(place);
    this.#isNoting = true;
    void writer
      .append({ kind: "rested", path: "", content })
      .then((isWritten) => isWritten && noted())
      .catch(() => {})
      .finally(() => {
        this.#isNoting = false;
      });
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => {});
    return done;
  }

  /** Time until the next work; undefined if none is due. */
  #delayMs(nowMs: number): number | undefined {
    const { recents, settings } = this.#log;
    const delays = [this.#releases.delayMs, this.#putMs(nowMs)];
    if (recents.gone.size > 0)
      delays.push(Math.max(Math.min(settings.restDelayMs, REMOVAL_DELAY_MS), this.#removalsDueMs - nowMs));
    const due = delays.filter((each) => each !== undefined);
    return due.length === 0 ? undefined : Math.min(...due);
  }

  /** Time until the next put comes to rest; undefined if none is pending. */
  #putMs(nowMs: number): number | undefined {
    const { recents, segments, settings } = this.#log;
    if (recents.pendingPuts === 0) return undefined;
    let retryMs: number | undefined;
    for (const { pending } of segments.used) {
      for (const { kind, atMs, retryAtMs } of pending) {
        if (kind !== "put") continue;
        if (retryAtMs === undefined)
          return Math.min(segments.isShort ? 0 : atMs + settings.restDelayMs - nowMs, retryMs ?? Infinity);
        retryMs = Math.min(retryAtMs - nowMs, retryMs ?? Infinity);
      }
    }
    return retryMs;
  }
}

/** Part of its time that a busy loop works. */
const BUSY = 0.5;
/** A delete of many objects ends first. */
const REMOVAL_DELAY_MS = 100;
