/**
 * Compares a file that is read from its first byte on with the segments of its checksum.
 *
 * For readers that send the whole file, head included; checked-source.ts compares the parts that
 * other readers need. Of an opaque value only the value is compared: the sum of the bytes before it
 * may be unknown, because the index finds the value without reading them. Bytes behind the last
 * segment, which are the footer, have their own seal.
 */
import { crc32 } from "node:zlib";
import { CacheError } from "../errors.ts";
import type { ChecksumSegment } from "./object-metadata.ts";
import type { StoredObject } from "./stored-blocks.ts";

export class SegmentCheck {
  readonly #segments: readonly ChecksumSegment[];
  /** Segments from these positions on are compared; undefined: all. */
  readonly #compared: ReadonlySet<number> | undefined;
  #position = 0;
  #index = 0;
  #doneBytes = 0;
  #crc32 = 0;

  constructor({ kind, checksum, dataRanges }: Pick<StoredObject, "kind" | "checksum" | "dataRanges">) {
    this.#segments = checksum;
    this.#compared = kind === "table" ? undefined : new Set(dataRanges.map(({ position }) => position));
  }

  /** Takes the next bytes. @throws {CacheError} OBJECT_CORRUPT at the end of a damaged segment. */
  add(bytes: Buffer): void {
    for (let rest = bytes; rest.length > 0; ) {
      const segment = this.#segments[this.#index];
      if (segment === undefined) return;
      const part = rest.subarray(0, segment.sizeBytes - this.#doneBytes);
      this.#crc32 = crc32(part, this.#crc32);
      this.#doneBytes += part.length;
      rest = rest.subarray(part.length);
      if (this.#doneBytes === segment.sizeBytes) this.#close(segment);
    }
  }

  #close(segment: ChecksumSegment): void {
    const isCompared = this.#compared?.has(this.#position) ?? true;
    if (isCompared && this.#crc32 !== segment.crc32) {
      throw new CacheError("OBJECT_CORRUPT", "the stored bytes do not match their checksum", {
        facts: { segment: this.#index },
      });
    }
    this.#index += 1;
    this.#position += segment.sizeBytes;
    this.#doneBytes = 0;
    this.#crc32 = 0;
  }
}
