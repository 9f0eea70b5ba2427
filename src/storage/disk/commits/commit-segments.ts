/**
 * The files of the commit log: `.commits/<slot>`, preallocated with zeros and overwritten
 * repeatedly.
 *
 * One is active, earlier ones are sealed, the rest are spares: created, filled, headed and synced
 * in the background before they are used, so that no put waits for that. The slot defines no order;
 * the number in the head does. Steps that assign numbers (making a spare, releasing a segment) run
 * one after the other, so numbers become ready in order. If no segment can be made, puts sync their
 * own files.
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
  /** Files without records: reusable. */
  readonly free: readonly string[];
  /** Files that cannot be read: left alone. */
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
  /** Segments released since the start. */
  released = 0;
  readonly #spares: CommitSegment[] = [];
  #free: string[] = [];
  readonly #names = new Set<string>();
  #number = 0;
  #work: Promise<void> = Promise.resolve();
  #isPreparing = false;
  #preparing: Promise<void> = Promise.resolve();
  #isStopped = false;
  /** True if the directory's own name, and that of `.commits` in it, are durable. */
  #isInDirectory = false;
  #failedAtMs: number | undefined;
  /** Called when a spare is ready, or none could be made. */
  onChange: () => void = () => {};
  /** Called when a release may be due, now or later. */
  onDue: () => void = () => {};

  constructor(disk: CommitDisk, settings: CommitSettings) {
    this.#disk = disk;
    this.#settings = settings;
    this.#directory = `${disk.root}/${COMMITS_DIRECTORY}`;
  }

  /** Takes over the segments of an earlier process. */
  adopt({ segments, free, kept, numberMax }: FoundSlots): void {
    for (const each of segments) each.sealedAtMs = Date.now();
    this.sealed.push(...segments);
    this.#free = [...free];
    this.#number = numberMax;
    for (const path of [...segments.map((each) => each.path), ...free, ...kept]) this.#names.add(path);
    if (segments.length > 0) this.onDue();
  }

  /** Waits until a pending spare is ready or has failed. */
  prepared(): Promise<void> {
    return this.#preparing;
  }

  /** True while a spare is being made, or a released segment becomes one. */
  get mayHaveSpace(): boolean {
    return this.#isPreparing || (this.isShort && this.sealed[0]?.isHeld === false);
  }

  /** True if segments should be released without delay. */
  get isShort(): boolean {
    const { segmentsMax } = this.#settings;
    if (this.sealed.length > segmentsMax / 2 || this.#failedAtMs !== undefined) return true;
    return this.#count >= segmentsMax && this.#spares.length === 0;
  }

  /** The segment for the next record, active or new; undefined if none has space now. */
  segmentFor(sizeBytes: number, isPut: boolean): CommitSegment | undefined {
    if (this.active !== undefined && this.hasSpace(this.active, sizeBytes, isPut)) return this.active;
    const next = this.#spares[0];
    if (next !== undefined && this.hasSpace(next, sizeBytes, isPut)) {
      this.seal();
      this.active = this.#spares.shift();
    }
    this.#prepareAhead();
    if (this.active === next) return next;
    // Completely full, perhaps on a full disk: seal it, so that its release yields the next one.
    if (!isPut) this.seal();
    this.onDue();
    return undefined;
  }

  hasSpace(segment: CommitSegment, sizeBytes: number, isPut: boolean): boolean {
    const limit = isPut ? segment.sizeBytes * (1 - LIMITS.commitRemovalsShare) : segment.sizeBytes;
    return segment.position + sizeBytes <= limit;
  }

  /** Called before a write to the segment. */
  use(segment: CommitSegment): void {
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

  /** A write or sync of the segment failed. */
  distrust(segment: CommitSegment): void {
    segment.isDistrusted = true;
    if (this.active === segment) this.seal();
  }

  /**
   * Releases the oldest segment, whose content is durable elsewhere. Its records are void once its
   * new head is synced; only then `released` is called, and its files may be forgotten.
   */
  release(segment: CommitSegment, released: () => void): Promise<void> {
    return this.#inTurn(async () => {
      const isSpare = !segment.isDistrusted && this.#spares.length < this.#settings.sparesMax;
      const head = await this.#writeHead(segment);
      this.released += 1;
      released();
      segment.begin(head);
      this.sealed.splice(this.sealed.indexOf(segment), 1);
      if (isSpare) this.#spares.push(segment);
      else await this.#remove(segment);
    });
  }

  /** Makes no more segments. */
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
      await this.#syncDirectory();
      this.#spares.push(segment);
      this.#failedAtMs = undefined;
    } catch (error) {
      if (segment !== undefined) await this.#remove(segment);
      if (this.#failedAtMs === undefined) {
        const text =
          "no segment for the commit log: small puts with durability power-loss sync their own files";
        log.warn(text, { errno: errnoOf(error), error });
      }
      this.#failedAtMs = Date.now();
    }
  }

  /** Makes a segment from a free or a new slot, of full size and with all blocks allocated. */
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
      // A partial segment takes space that an object could use.
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

  /** Makes it empty and the last in the log. */
  async #writeHead(segment: CommitSegment): Promise<SegmentHead> {
    this.#number += 1;
    const head = newSegmentHead(this.#number, this.#settings.bootId);
    await this.#disk.steps.headCommits(segment.fd, encodeSegmentHead(head));
    await this.#disk.steps.syncSegment(segment.fd);
    return head;
  }

  async #syncDirectory(): Promise<void> {
    await this.#disk.steps.syncDirectory(this.#directory);
    if (this.#isInDirectory) return;
    await this.#disk.steps.syncDirectory(this.#disk.root);
    this.#isInDirectory = true;
  }

  /** If the name reappears after a power loss, it leads to an empty segment. */
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

/** Does not follow links: the engine writes only to its own files. */
export function openSegment(path: string): number {
  return fs.openSync(path, fs.constants.O_RDWR | fs.constants.O_NOFOLLOW);
}
