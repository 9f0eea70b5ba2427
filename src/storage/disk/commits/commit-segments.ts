/**
 * The files of the commit log: `.commits/<slot>`, zeros that are overwritten from the front, again and again.
 *
 * One is active, those before it are sealed, the next ones are spares: made, filled, headed and synced in the background before anything relies on
 * them, so that no put waits for it. A slot is no order; the number in a segment's head is. What changes numbers (making a spare, releasing a
 * segment) is done one after the other, so that a later number is always ready later.
 * When no segment can be made, there is none: puts then sync their files themselves.
 */
import fs from "node:fs";
import { LIMITS } from "../../../limits.ts";
import { logFor } from "../../../log.ts";
import { errnoOf } from "../disk-failure.ts";
import { COMMITS_DIRECTORY } from "../file-names.ts";
import type { CommitDisk, CommitSettings } from "./commit-disk.ts";
import { CommitSegment } from "./commit-segment.ts";
import { encodeSegmentHead, newSegmentHead, type SegmentHead } from "./segment-head.ts";

const log = logFor("storage");

const ZEROS_BYTES = 1024 * 1024;

/** What a start found in `.commits`. */
export interface FoundSlots {
  /** Segments with records, oldest first. */
  readonly segments: readonly CommitSegment[];
  /** Files without any: they may be used. */
  readonly free: readonly string[];
  /** Files that cannot be read: they are left alone. */
  readonly kept: readonly string[];
  readonly numberMax: number;
}

export class CommitSegments {
  readonly #disk: CommitDisk;
  readonly #settings: CommitSettings;
  readonly #directory: string;
  active: CommitSegment | undefined;
  /** Oldest first. */
  readonly sealed: CommitSegment[] = [];
  readonly #spares: CommitSegment[] = [];
  #free: string[] = [];
  readonly #names = new Set<string>();
  #number = 0;
  #work: Promise<void> = Promise.resolve();
  #isPreparing = false;
  #preparing: Promise<void> = Promise.resolve();
  #isStopped = false;
  /** True when the directory's own name, and that of `.commits` in it, last. */
  #isInDirectory = false;
  #failedAtMs: number | undefined;
  /** Called when there is a spare, or none could be made. */
  onChange: () => void = () => {};
  /** Called when something may be due to be released, now or later. */
  onDue: () => void = () => {};

  constructor(disk: CommitDisk, settings: CommitSettings) {
    this.#disk = disk;
    this.#settings = settings;
    this.#directory = `${disk.root}/${COMMITS_DIRECTORY}`;
  }

  /** Takes over what an earlier process left. */
  adopt({ segments, free, kept, numberMax }: FoundSlots): void {
    for (const each of segments) each.sealedAtMs = Date.now();
    this.sealed.push(...segments);
    this.#free = [...free];
    this.#number = numberMax;
    for (const path of [...segments.map((each) => each.path), ...free, ...kept]) this.#names.add(path);
    if (segments.length > 0) this.onDue();
  }

  /** Waits until a spare that is being made is there, or is given up. */
  prepared(): Promise<void> {
    return this.#preparing;
  }

  /** True while a spare is being made, or a segment released that becomes one. */
  get mayHaveRoom(): boolean {
    return this.#isPreparing || (this.isShort && this.sealed[0]?.isHeld === false);
  }

  /** True when segments should be released without waiting. */
  get isShort(): boolean {
    const { segmentsMax } = this.#settings;
    if (this.sealed.length > segmentsMax / 2 || this.#failedAtMs !== undefined) return true;
    return this.#count >= segmentsMax && this.#spares.length === 0;
  }

  /** The segment for the next record, the active one or the next; undefined when none has room for it now. */
  room(sizeBytes: number, isPut: boolean): CommitSegment | undefined {
    if (this.active !== undefined && this.hasRoom(this.active, sizeBytes, isPut)) return this.active;
    const next = this.#spares[0];
    if (next !== undefined && this.hasRoom(next, sizeBytes, isPut)) {
      this.seal();
      this.active = this.#spares.shift();
    }
    this.#prepareAhead();
    if (this.active === next) return next;
    // Full to its end, on a full disk perhaps: released at once it is the next one.
    if (!isPut) this.seal();
    this.onDue();
    return undefined;
  }

  hasRoom(segment: CommitSegment, sizeBytes: number, isPut: boolean): boolean {
    const limit = isPut ? segment.sizeBytes * (1 - LIMITS.commitRemovalsShare) : segment.sizeBytes;
    return segment.position + sizeBytes <= limit;
  }

  /** Something is about to be written to the segment. */
  use(segment: CommitSegment): void {
    if (segment.firstAtMs !== undefined) return;
    segment.firstAtMs = Date.now();
    this.onDue();
  }

  /** Closes the active segment, if it holds anything. */
  seal(): void {
    if (this.active === undefined || !this.active.hasRecords) return;
    this.active.sealedAtMs = Date.now();
    this.sealed.push(this.active);
    this.active = undefined;
    this.onDue();
  }

  /** A write or sync of the segment failed. */
  distrust(segment: CommitSegment): void {
    segment.isDistrusted = true;
    if (this.active === segment) this.seal();
  }

  /**
   * The oldest segment, of which everything lasts by itself: nothing in it counts from the moment on when its new head is synced.
   * Only then may its files be forgotten: `released` is called.
   */
  release(segment: CommitSegment, released: () => void): Promise<void> {
    return this.#inTurn(async () => {
      const isSpare = !segment.isDistrusted && this.#spares.length < this.#settings.sparesMax;
      const head = await this.#writeHead(segment);
      released();
      segment.begin(head);
      this.sealed.splice(this.sealed.indexOf(segment), 1);
      if (isSpare) this.#spares.push(segment);
      else await this.#remove(segment);
    });
  }

  /** None is made from now on. */
  disable(): void {
    this.#isStopped = true;
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#work;
    const open = [this.active, ...this.sealed, ...this.#spares].filter((each) => each !== undefined);
    for (const { fd } of open) fs.closeSync(fd);
    this.active = undefined;
    this.sealed.length = 0;
    this.#spares.length = 0;
  }

  get #count(): number {
    return (this.active === undefined ? 0 : 1) + this.sealed.length + this.#spares.length;
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.#work.then(work);
    this.#work = done.catch(() => {});
    return done;
  }

  #prepareAhead(): void {
    const { segmentAgeMs, segmentsMax } = this.#settings;
    if (this.#isPreparing || this.#isStopped || this.#spares.length > 0) return;
    if (this.#count >= segmentsMax) return;
    if (this.#failedAtMs !== undefined && Date.now() - this.#failedAtMs < segmentAgeMs) return;
    this.#isPreparing = true;
    this.#preparing = this.#inTurn(() => this.#prepare()).then(() => {
      this.#isPreparing = false;
      this.onChange();
    });
  }

  async #prepare(): Promise<void> {
    let segment: CommitSegment | undefined;
    try {
      segment = await this.#made();
      segment.begin(await this.#writeHead(segment));
      await this.#settleDirectory();
      this.#spares.push(segment);
      this.#failedAtMs = undefined;
    } catch (error) {
      if (segment !== undefined) await this.#remove(segment);
      if (this.#failedAtMs === undefined) {
        const text =
          "no segment for the commit log: small puts that are to survive a power loss sync their files";
        log.warn(text, { errno: errnoOf(error), error });
      }
      this.#failedAtMs = Date.now();
    }
  }

  /** A slot that is free, or a new one; of full size, with blocks for all of it. */
  async #made(): Promise<CommitSegment> {
    const { segmentBytes, bootId } = this.#settings;
    const path = this.#free.pop() ?? this.#newName();
    let fd: number | undefined;
    try {
      const isNew = !fs.existsSync(path);
      if (isNew) await this.#disk.steps.makeDirectory(this.#directory);
      fd = isNew ? await this.#disk.steps.createCommits(path) : openSegment(path);
      const zeros = Buffer.alloc(Math.min(ZEROS_BYTES, segmentBytes));
      const filled = isNew ? 0 : fs.fstatSync(fd).size;
      for (let position = filled; position < segmentBytes; position += zeros.length) {
        const rest = zeros.subarray(0, segmentBytes - position);
        await this.#disk.steps.fillCommits(fd, rest, position);
      }
      return new CommitSegment({ path, fd, sizeBytes: segmentBytes }, newSegmentHead(0, bootId));
    } catch (error) {
      // Half a segment takes room that an object could have.
      if (fd !== undefined) await this.#remove({ path, fd });
      throw error;
    }
  }

  #newName(): string {
    let slot = 1;
    while (this.#names.has(`${this.#directory}/${slot}`)) slot += 1;
    const path = `${this.#directory}/${slot}`;
    this.#names.add(path);
    return path;
  }

  /** Makes it empty, and the last in the log. */
  async #writeHead(segment: CommitSegment): Promise<SegmentHead> {
    this.#number += 1;
    const head = newSegmentHead(this.#number, this.#settings.bootId);
    await this.#disk.steps.headCommits(segment.fd, encodeSegmentHead(head));
    await this.#disk.steps.settleCommits(segment.fd);
    return head;
  }

  async #settleDirectory(): Promise<void> {
    await this.#disk.steps.syncDirectory(this.#directory);
    if (this.#isInDirectory) return;
    await this.#disk.steps.syncDirectory(this.#disk.root);
    this.#isInDirectory = true;
  }

  /** Should the name come back after a power loss, it leads to an empty segment. */
  async #remove({ path, fd }: { readonly path: string; readonly fd: number }): Promise<void> {
    fs.closeSync(fd);
    try {
      await this.#disk.steps.unlinkCommits(path);
      this.#names.delete(path);
    } catch (error) {
      log.warn("an unused segment of the commit log could not be removed", { errno: errnoOf(error) });
    }
  }
}

/** A link is not followed: what is written there must be ours. */
export function openSegment(path: string): number {
  return fs.openSync(path, fs.constants.O_RDWR | fs.constants.O_NOFOLLOW);
}
