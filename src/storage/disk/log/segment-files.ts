/**
 * The files of the log, `.log/<slot>`: makes them, with all blocks allocated, and removes them.
 *
 * A slot that a start found empty is used before a new one. The slot defines no order.
 */
import fs from "node:fs";
import { LIMITS } from "../../../limits.ts";
import { logFor } from "../../../log.ts";
import { errnoOf } from "../disk-failure.ts";
import type { FreeSpace } from "../disk-space.ts";
import type { DiskSteps } from "../disk-steps.ts";
import { LOG_DIRECTORY } from "../file-names.ts";
import { readFullySync } from "../read-fully.ts";
import { LogSegment } from "./log-segment.ts";
import type { LogSettings } from "./log-settings.ts";
import {
  type FoundHead,
  findSegmentHead,
  HEAD_PLACES,
  newSegmentHead,
  RECORDS_START,
} from "./segment-head.ts";

const log = logFor("storage");

/**
 * ext4 keeps the bytes of one write together in the page cache, and a record's write looks at each
 * block of them: behind writes of 1 MiB it takes 13 us, behind these 6.
 */
const ZEROS_BYTES = 256 * 1024;
/** A segment takes at most this part of the free space. */
const PARTS_OF_FREE = 64;
const STEP_BYTES = 64 * 1024;

/** What the segments need of the engine. */
export interface LogDisk {
  /** The storage directory, absolute. */
  readonly root: string;
  readonly steps: DiskSteps;
  /** What is free for the log. */
  freeSpace(): FreeSpace;
}

export class SegmentFiles {
  readonly #disk: LogDisk;
  readonly #settings: LogSettings;
  readonly #directory: string;
  #free: string[] = [];
  readonly #names = new Set<string>();
  /** True if the directory's own name, and that of `.log` in it, are durable. */
  #isInDirectory = false;

  constructor(disk: LogDisk, settings: LogSettings) {
    this.#disk = disk;
    this.#settings = settings;
    this.#directory = `${disk.root}/${LOG_DIRECTORY}`;
  }

  /** @param free files without records. @param used other files, which stay as they are. */
  adopt(free: readonly string[], used: readonly string[]): void {
    this.#free = [...free];
    for (const path of [...free, ...used]) this.#names.add(path);
  }

  /** Makes a segment from a free or a new slot, of full size and with all blocks allocated. */
  async make(): Promise<LogSegment> {
    const segmentBytes = this.#bytesOfNext();
    const path = this.#free.pop() ?? this.#newName();
    let fd: number | undefined;
    try {
      const isNew = !fs.existsSync(path);
      if (isNew) await this.#disk.steps.makeDirectory(this.#directory);
      fd = isNew ? await this.#disk.steps.createSegment(path) : openSegment(path);
      const zeros = Buffer.alloc(Math.min(ZEROS_BYTES, segmentBytes));
      const filled = isNew ? 0 : fs.fstatSync(fd).size;
      const sizeBytes = Math.max(filled, segmentBytes);
      for (let position = filled; position < segmentBytes; position += zeros.length) {
        const rest = zeros.subarray(0, segmentBytes - position);
        await this.#disk.steps.fillSegment(fd, rest, position);
      }
      // Also what a killed process wrote.
      await this.#disk.steps.syncSegment(fd);
      const none = { head: newSegmentHead(0, this.#settings.bootId, 0), place: HEAD_PLACES[1] };
      return new LogSegment({ path, fd, sizeBytes }, headIn(fd) ?? none);
    } catch (error) {
      // A partial segment takes space that an object could use.
      if (fd !== undefined) await this.remove({ path, fd });
      throw error;
    }
  }

  /** Less on a small or nearly full disk. */
  #bytesOfNext(): number {
    const part = Math.floor(this.#disk.freeSpace().bytes / PARTS_OF_FREE / STEP_BYTES) * STEP_BYTES;
    return Math.min(this.#settings.segmentBytes, Math.max(part, STEP_BYTES));
  }

  /** On a nearly full disk the space is for files: the log does with the slots that it has. */
  #newName(): string {
    if (this.#names.size > 0 && this.#disk.freeSpace().bytes < LIMITS.logSpareBytes)
      throw Object.assign(new Error("no space for another segment"), { code: "ENOSPC" });
    let slot = 1;
    while (this.#names.has(`${this.#directory}/${slot}`)) slot += 1;
    const path = `${this.#directory}/${slot}`;
    this.#names.add(path);
    return path;
  }

  /** Makes the names of the slots durable. */
  async syncNames(): Promise<void> {
    await this.#disk.steps.syncDirectory(this.#directory);
    if (this.#isInDirectory) return;
    await this.#disk.steps.syncDirectory(this.#disk.root);
    this.#isInDirectory = true;
  }

  /** If the name reappears after a power loss, it leads to an empty segment. */
  async remove({ path, fd }: { readonly path: string; readonly fd: number }): Promise<void> {
    fs.closeSync(fd);
    try {
      await this.#disk.steps.unlinkSegment(path);
      this.#names.delete(path);
    } catch (error) {
      log.warn("an unused segment of the log could not be removed", { errno: errnoOf(error) });
    }
  }
}

/** The head in a free slot. */
function headIn(fd: number): FoundHead | undefined {
  const bytes = Buffer.alloc(RECORDS_START);
  return findSegmentHead(bytes.subarray(0, readFullySync(fd, bytes, 0)));
}

/** Does not follow links: the engine writes only to its own files. */
export function openSegment(path: string): number {
  return fs.openSync(path, fs.constants.O_RDWR | fs.constants.O_NOFOLLOW);
}
