/**
 * The segments of the log: one is active, earlier ones are sealed, the rest are spares, which are
 * made (segment-files.ts), headed and synced in the background, so that no put waits for that.
 *
 * Segments are used again; the number in the head defines the order. Steps that assign numbers
 * (making a spare, releasing a segment) run one after the other, so numbers become ready in order.
 * If no segment can be made, puts write their own files.
 */
import fs from "node:fs";
import { LIMITS } from "../../../limits.ts";
import { logFor } from "../../../log.ts";
import { errnoOf } from "../disk-failure.ts";
import type { FreeSpace } from "../disk-space.ts";
import type { Place } from "./log-record.ts";
import type { LogSegment } from "./log-segment.ts";
import type { LogSettings } from "./log-settings.ts";
import { type LogDisk, SegmentFiles } from "./segment-files.ts";
import { encodeSegmentHead, newSegmentHead, type SegmentHead } from "./segment-head.ts";

const log = logFor("storage");

/** Segments run short when this part of them waits for files to come to rest. */
const SHORT_PART = 2 / 3;

/** What a start found in `.log`. */
export interface FoundSlots {
  /** Segments with records, oldest first. */
  readonly segments: readonly LogSegment[];
  /** Files without records: reusable. */
  readonly free: readonly string[];
  /** Files that cannot be read: left alone. */
  readonly kept: readonly string[];
  readonly numberMax: number;
}

export class LogSegments {
  readonly #disk: LogDisk;
  readonly #settings: LogSettings;
  readonly #files: SegmentFiles;
  active: LogSegment | undefined;
  /** Oldest first. */
  readonly sealed: LogSegment[] = [];
  /** Segments released since the start. */
  released = 0;
  readonly #spares: LogSegment[] = [];
  #number = 0;
  #work: Promise<void> = Promise.resolve();
  /** True while a spare is being made. */
  isPreparing = false;
  #preparing: Promise<void> = Promise.resolve();
  #isStopped = false;
  #failedAtMs: number | undefined;
  /** What was free when no segment could be made. */
  #failedSpace: FreeSpace = { bytes: 0, files: 0 };
  /** True from a failed write or sync until a sync succeeds. */
  #isSuspect = false;
  /** Called when a spare is ready, or none could be made. */
  onChange: () => void = () => {};
  /** Called when a release may be due, now or later. */
  onDue: () => void = () => {};
  /** The version floor for the next head. */
  floor: () => number = () => 0;

  constructor(disk: LogDisk, settings: LogSettings) {
    this.#disk = disk;
    this.#settings = settings;
    this.#files = new SegmentFiles(disk, settings);
  }

  /** Takes over the segments of an earlier process. */
  adopt({ segments, free, kept, numberMax }: FoundSlots): void {
    for (const each of segments) each.sealedAtMs = Date.now();
    this.sealed.push(...segments);
    const last = segments.at(-1);
    // On a full disk there may be no other place for removals.
    if (last?.head.isEarlier === false && !last.isHeld) {
      this.active = this.sealed.pop();
      this.use(last);
    }
    this.#number = numberMax;
    this.#files.adopt(free, [...segments.map((each) => each.path), ...kept]);
    if (segments.length > 0) this.onDue();
  }

  /** Makes a spare if there is none, and waits until it is ready or has failed. */
  prepared(): Promise<void> {
    this.#prepareAhead();
    return this.#preparing;
  }

  /** True while a spare is being made, or a released segment becomes one. */
  get mayHaveSpace(): boolean {
    return this.isPreparing || (this.isShort && !this.#isStuck && this.sealed[0]?.isHeld === false);
  }

  /** True if the oldest segment waits for a file that could not come to rest. */
  get #isStuck(): boolean {
    const [first] = this.sealed[0]?.pending ?? [];
    return first?.retryAtMs !== undefined;
  }

  /** True if segments should be released without delay. */
  get isShort(): boolean {
    const { segmentsMax } = this.#settings;
    if (this.sealed.length > segmentsMax * SHORT_PART || this.#failedAtMs !== undefined) return true;
    return this.#count >= segmentsMax && this.#spares.length === 0;
  }

  /** The segment for the next record, active or new; undefined if none has space now. */
  segmentFor(sizeBytes: number, mayUseReserve: boolean): LogSegment | undefined {
    if (this.active !== undefined && this.hasSpace(this.active, sizeBytes, mayUseReserve)) return this.active;
    const next = this.#spares[0];
    if (next !== undefined && this.hasSpace(next, sizeBytes, mayUseReserve)) {
      this.seal();
      this.active = this.#spares.shift();
    }
    this.#prepareAhead(mayUseReserve);
    if (this.active === next) return next;
    // Completely full, perhaps on a full disk: seal it, so that its release yields the next one.
    if (mayUseReserve) this.seal();
    this.onDue();
    return undefined;
  }

  hasSpace(segment: LogSegment, sizeBytes: number, mayUseReserve: boolean): boolean {
    const limit = mayUseReserve ? segment.sizeBytes : segment.sizeBytes * (1 - LIMITS.logRemovalsShare);
    return segment.position + sizeBytes <= limit;
  }

  /** Called before a write to the segment. */
  use(segment: LogSegment): void {
    if (segment.firstAtMs !== undefined) return;
    segment.firstAtMs = Date.now();
    this.onDue();
  }

  /** Seals the active segment, if it holds anything. */
  seal(): void {
    if (this.active === undefined || !this.active.hasRecords) return;
    this.active.sealedAtMs = Date.now();
    this.sealed.push(this.active);
    this.active = undefined;
    this.onDue();
  }

  /** A write or sync failed. The second time, makes no segment for a while: it would fail, too. */
  failed(): void {
    if (this.#isSuspect) this.#failedAtMs = Date.now();
    this.#isSuspect = true;
  }

  synced(): void {
    this.#isSuspect = false;
  }

  /** A write or sync of the segment failed. */
  distrust(segment: LogSegment): void {
    segment.isDistrusted = true;
    if (this.active === segment) this.seal();
  }

  /**
   * Releases the oldest segment, whose content is elsewhere. Its records are void once its new head
   * is durable; only then `released` is called, and its files may be forgotten.
   * @param released resolves when the segment may be closed.
   */
  release(segment: LogSegment, released: () => Promise<void>): Promise<void> {
    return this.#inTurn(async () => {
      const isReusable = !segment.isDistrusted && !segment.head.isEarlier;
      const isFilledQuickly = segment.sealedAtMs! - (segment.firstAtMs ?? 0) < this.#settings.quickFillMs;
      const head = await this.#writeHead(segment);
      this.released += 1;
      await released();
      segment.begin(head);
      this.sealed.splice(this.sealed.indexOf(segment), 1);
      if (!isReusable) return await this.#files.remove(segment);
      // It stays: no other head has the floor of now.
      this.#spares.push(segment);
      // Those that are full soon are needed soon: making one takes longer than filling it.
      if (!isFilledQuickly) await this.#removeSpares();
    });
  }

  async #removeSpares(): Promise<void> {
    while (this.#spares.length > Math.max(1, this.#settings.sparesMax))
      await this.#files.remove(this.#spares.shift()!);
  }

  /** Makes no more segments. */
  disable(): void {
    this.#isStopped = true;
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#work;
    await this.#removeSpares();
    const open = [this.active, ...this.sealed, ...this.#spares].filter((each) => each !== undefined);
    for (const { fd } of open) fs.closeSync(fd);
    this.active = undefined;
    this.sealed.length = 0;
    this.#spares.length = 0;
  }

  /** Segments with records, oldest first. */
  get used(): readonly LogSegment[] {
    return this.active === undefined ? this.sealed : [...this.sealed, this.active];
  }

  /** The place behind all records. */
  get end(): Place {
    const last = this.used.at(-1);
    return { number: last?.head.number ?? 0, position: last?.position ?? 0 };
  }

  get #count(): number {
    return (this.active === undefined ? 0 : 1) + this.sealed.length + this.#spares.length;
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.#work.then(work);
    this.#work = done.catch(() => {});
    return done;
  }

  /** @param isRemoval true: also soon after a failure if there is more space. */
  #prepareAhead(isRemoval = false): void {
    const { segmentAgeMs, segmentsMax } = this.#settings;
    if (this.isPreparing || this.#isStopped || this.#spares.length > 0) return;
    if (this.#count >= segmentsMax) return;
    const isRecent = this.#failedAtMs !== undefined && Date.now() - this.#failedAtMs < segmentAgeMs;
    if (isRecent && (this.#isSuspect || !isRemoval || !this.#hasMoreSpace)) return;
    this.isPreparing = true;
    this.#preparing = this.#inTurn(() => this.#prepare()).then(() => {
      this.isPreparing = false;
      this.onChange();
    });
  }

  get #hasMoreSpace(): boolean {
    const { bytes, files } = this.#disk.freeSpace();
    return bytes > this.#failedSpace.bytes || files > this.#failedSpace.files;
  }

  async #prepare(): Promise<void> {
    let segment: LogSegment | undefined;
    try {
      segment = await this.#files.make();
      segment.begin(await this.#writeHead(segment));
      await this.#files.syncNames();
      this.#spares.push(segment);
      if (!this.#isSuspect) this.#failedAtMs = undefined;
    } catch (error) {
      if (segment !== undefined) await this.#files.remove(segment);
      if (this.#failedAtMs === undefined) {
        const text = "no segment for the log: small puts write their own files";
        log.warn(text, { errno: errnoOf(error), error });
      }
      this.#failedAtMs = Date.now();
      this.#failedSpace = this.#disk.freeSpace();
    }
  }

  /** Makes it empty and the last in the log. */
  async #writeHead(segment: LogSegment): Promise<SegmentHead> {
    this.#number += 1;
    const head = newSegmentHead(this.#number, this.#settings.bootId, this.floor());
    await this.#disk.steps.headSegment(segment.path, encodeSegmentHead(head), segment.nextHeadPlace);
    return head;
  }
}
