/**
 * Event lines on disk, in segments of one size; the oldest is deleted before the files would exceed
 * their bound.
 *
 * Nothing is synced. A failed append is undone by truncation, so that no line is torn; a crash can
 * tear the last line, which the next start removes. All work uses the thread pool.
 */
import fs from "node:fs";
import { LIMITS } from "../../../limits.ts";
import { logFor } from "../../../log.ts";
import type { EventStore, EventStoreOptions } from "../../event-store.ts";
import { diskFailure, errnoOf, isMissing } from "../disk-failure.ts";
import { EVENTS_DIRECTORY } from "../file-names.ts";
import { writeFully } from "../write-fully.ts";
import {
  createSegment,
  type EventSegment,
  listSegments,
  readSegment,
  reopenSegment,
  segmentPath,
} from "./event-segments.ts";

const log = logFor("storage");

export interface DiskEventStoreOptions extends EventStoreOptions {
  /** The storage directory, absolute. Only while this process holds its lock. */
  readonly directory: string;
  /** Called before each write, for tests that fail there. */
  readonly beforeWrite?: () => void;
}

interface OpenSegment extends EventSegment {
  readonly file: fs.promises.FileHandle;
}

export class DiskEventStore implements EventStore {
  readonly #options: DiskEventStoreOptions;
  readonly #segmentBytesMax: number;
  /** The oldest first; the last one may be open. */
  #segments: EventSegment[] = [];
  #open: OpenSegment | undefined;

  constructor(options: DiskEventStoreOptions) {
    this.#options = options;
    const shareBytes = Math.floor(options.bytesMax / LIMITS.eventSegments);
    this.#segmentBytesMax = Math.min(
      Math.max(shareBytes, LIMITS.eventSegmentBytesMin),
      LIMITS.eventSegmentBytesMax,
    );
  }

  async open(): Promise<void> {
    const { directory } = this.#options;
    try {
      this.#segments = await listSegments(directory);
      const last = this.#segments.at(-1);
      if (last !== undefined) await (await reopenSegment(directory, last)).close();
      await this.#dropUntil(this.#options.bytesMax);
    } catch (error) {
      log.warn("the event journal cannot be read", { path: EVENTS_DIRECTORY, errno: errnoOf(error), error });
    }
  }

  async append(lines: Buffer): Promise<void> {
    try {
      const segment = await this.#segmentFor(lines.length);
      this.#options.beforeWrite?.();
      await writeFully(segment.file.fd, [lines], segment.sizeBytes);
      segment.sizeBytes += lines.length;
    } catch (error) {
      await this.#undo();
      throw diskFailure(error, EVENTS_DIRECTORY);
    }
  }

  async *parts(): AsyncGenerator<Buffer> {
    for (const segment of this.#segments.toReversed()) {
      const lines = await readSegment(this.#options.directory, segment).catch(unreadable);
      if (lines !== undefined && lines.length > 0) yield lines;
    }
  }

  async close(): Promise<void> {
    const open = this.#open;
    this.#open = undefined;
    await open?.file.close().catch(() => {});
  }

  /** The open segment if the lines fit, else a new one. */
  async #segmentFor(sizeBytes: number): Promise<OpenSegment> {
    const open = this.#open ?? (await this.#reopened());
    if (open !== undefined && open.sizeBytes + sizeBytes <= this.#segmentBytesMax) return open;
    await this.close();
    const head = Buffer.from(this.#options.head());
    await this.#dropUntil(this.#options.bytesMax - this.#segmentBytesMax);
    const number = (this.#segments.at(-1)?.number ?? 0) + 1;
    const file = await createSegment(this.#options.directory, number);
    const made: OpenSegment = { number, sizeBytes: 0, file };
    this.#segments.push(made);
    this.#open = made;
    await writeFully(file.fd, [head], 0);
    made.sizeBytes = head.length;
    return made;
  }

  /** The last segment of an earlier process, or of this one after a failed write. */
  async #reopened(): Promise<OpenSegment | undefined> {
    const last = this.#segments.at(-1);
    if (last === undefined || last.sizeBytes >= this.#segmentBytesMax) return undefined;
    try {
      const file = await reopenSegment(this.#options.directory, last);
      const open: OpenSegment = { number: last.number, sizeBytes: last.sizeBytes, file };
      this.#segments.splice(-1, 1, open);
      this.#open = open;
      return open;
    } catch (error) {
      if (!isMissing(error)) throw error;
      return undefined;
    }
  }

  async #dropUntil(bytesMax: number): Promise<void> {
    let sizeBytes = this.#segments.reduce((sum, segment) => sum + segment.sizeBytes, 0);
    while (sizeBytes > bytesMax && this.#segments.length > 0) {
      const oldest = this.#segments.shift()!;
      sizeBytes -= oldest.sizeBytes;
      await fs.promises.rm(`${this.#options.directory}/${segmentPath(oldest)}`, { force: true });
    }
  }

  /** Removes a partial write; if that fails too, the next open removes it. */
  async #undo(): Promise<void> {
    const open = this.#open;
    await open?.file.truncate(open.sizeBytes).catch(() => {});
    await this.close();
  }
}

function unreadable(error: unknown): undefined {
  log.warn("a segment of the event journal cannot be read", { errno: errnoOf(error), error });
  return undefined;
}
