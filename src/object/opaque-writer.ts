/**
 * Writes an opaque value as an object file: one record batch with one row, whatever form it arrived
 * in.
 *
 * The data goes to the sink as it arrives. The bytes before it in its row (batch message, version,
 * length) have a fixed size; they are left as zeros and overwritten when version and length are
 * known. A value over 2 GiB - 1 becomes several batches of one row.
 * Cost: no copy, one small overwrite per row.
 */

import { BlockList } from "../arrow/block-list.ts";
import { ZERO_PADDING } from "../arrow/encapsulated.ts";
import { CacheError } from "../errors.ts";
import { LIMITS } from "../limits.ts";
import { type ByteSink, reserve } from "./byte-sink.ts";
import { encodeFileHead } from "./file-head.ts";
import { OPAQUE_SCHEMA_HEADER } from "./object-schema.ts";
import type { FileSummary, ObjectWriter, PutFacts } from "./object-writer.ts";
import {
  DISK_ROW_FRONT_BYTES,
  DISK_ROW_METADATA_BYTES,
  encodeDiskRow,
  padTo,
  type ValueCodec,
} from "./opaque-row.ts";
import { RunningChecksum } from "./running-checksum.ts";
import { encodeSealedFooter, SEALED_FOOTER_BYTES } from "./sealed-footer.ts";
import { VALUE_ALIGNMENT, type ValuePlace } from "./stored-blocks.ts";

/** The head is the same for all opaque objects. */
const HEAD = encodeFileHead(OPAQUE_SCHEMA_HEADER, "file");
const ZERO_FRONT = Buffer.alloc(DISK_ROW_FRONT_BYTES);
/** The padding of a row, its block in the footer, and its part of the checksum. */
const ROW_OWED_BYTES = 128;
const OWED_BYTES = ROW_OWED_BYTES + OPAQUE_SCHEMA_HEADER.length + SEALED_FOOTER_BYTES;

interface OpenRow {
  readonly position: number;
  readonly checksumSlot: number;
  dataSizeBytes: number;
}

export class OpaqueWriter implements ObjectWriter {
  readonly #sink: ByteSink;
  readonly #rowBytesMax: number;
  readonly #rows: OpenRow[] = [];
  readonly #checksum: RunningChecksum;
  #dataBytes = 0;
  #codec: ValueCodec | undefined;
  /** Bytes before the current batch. */
  #batchStart = 0;
  /** The sink's last promise; it accepts in order, so the last covers all earlier ones. */
  #waiting: Promise<void> | undefined;
  #isPadded = false;

  /** @param rowBytesMax lower in tests only: 2 GiB are slow to write. */
  constructor(sink: ByteSink, rowBytesMax: number = LIMITS.opaqueRowBytesMax) {
    this.#sink = sink;
    this.#rowBytesMax = rowBytesMax;
    this.#checksum = new RunningChecksum(!sink.skipsChecksum);
    this.#checksum.add(HEAD);
    this.#checksum.close();
    this.#send([HEAD]);
    this.#openRow();
  }

  get owedBytes(): number {
    return OWED_BYTES + ROW_OWED_BYTES * (this.#rows.length - 1);
  }

  /** Writes the next bytes of the value. If it returns a promise, wait before giving more. */
  append(views: readonly Uint8Array[]): Promise<void> | undefined {
    this.#waiting = undefined;
    let fitting: Uint8Array[] = [];
    for (let view of views) {
      let row = this.#rows.at(-1)!;
      while (row.dataSizeBytes + view.length > this.#rowBytesMax) {
        const taken = this.#rowBytesMax - row.dataSizeBytes;
        if (taken > 0) fitting.push(this.#take(row, view.subarray(0, taken)));
        view = view.subarray(taken);
        this.#send(fitting);
        fitting = [];
        this.#padRow(row);
        row = this.#openRow();
      }
      if (view.length > 0) fitting.push(this.#take(row, view));
    }
    this.#send(fitting);
    return this.#waiting;
  }

  /**
   * Sets the compression of a batch of rows at its end.
   * @throws {CacheError} INVALID_REQUEST if compressed bytes would have to be joined with others.
   */
  endBatch(codec: ValueCodec | undefined): void {
    const grew = this.#dataBytes > this.#batchStart;
    const isAlone = this.#batchStart === 0;
    this.#batchStart = this.#dataBytes;
    if (!grew || (codec === undefined && this.#codec === undefined)) return;
    if (!isAlone) {
      throw new CacheError(
        "INVALID_REQUEST",
        "compressed rows cannot be joined: put one row, or uncompressed",
      );
    }
    this.#codec = codec;
  }

  /** Completes the file with the object's new version. */
  async finish(version: number, { lifetime, putBy }: PutFacts = {}): Promise<FileSummary> {
    if (!this.#isPadded) this.#padRow(this.#rows.at(-1)!);
    this.#isPadded = true;
    await this.#waiting;
    const recordBatches = new BlockList();
    for (const row of this.#rows) {
      const disk = encodeDiskRow({ version, dataSizeBytes: row.dataSizeBytes, codec: this.#codec });
      this.#checksum.set(row.checksumSlot, disk.front);
      await this.#sink.overwrite(row.position, disk.front);
      recordBatches.push({
        position: row.position,
        metadataSizeBytes: DISK_ROW_METADATA_BYTES,
        bodySizeBytes: disk.bodySizeBytes,
      });
    }
    const checksum = this.#checksum.finish();
    const [rowCount, dataBytes] = [this.#rows.length, this.#dataBytes];
    const metadata = {
      rowCount,
      dataBytes,
      version,
      kind: "opaque",
      codec: this.#codec,
      schemaStart: 0,
      schemaEnd: OPAQUE_SCHEMA_HEADER.length,
      appMetadata: undefined,
      checksum,
      lifetime,
      putBy,
    } as const;
    const parts = { schemaHeader: OPAQUE_SCHEMA_HEADER, dictionaries: [], recordBatches, metadata };
    await this.#sink.append([encodeSealedFooter(parts, this.#sink.sizeBytes)]);
    return { part: "file", rowCount, dataBytes, value: this.#valuePlace(checksum.at(-1)?.crc32) };
  }

  /** @param crc32 of the last segment, which is the value's if there is one non-empty row. */
  #valuePlace(crc32: number | undefined): ValuePlace | undefined {
    const [row, ...others] = this.#rows;
    if (row === undefined || others.length > 0 || this.#codec !== undefined) return undefined;
    return { position: row.position + DISK_ROW_FRONT_BYTES, crc32 };
  }

  #openRow(): OpenRow {
    const checksumSlot = this.#checksum.reserve(DISK_ROW_FRONT_BYTES);
    const row = { position: this.#sink.sizeBytes, checksumSlot, dataSizeBytes: 0 };
    this.#rows.push(row);
    this.#wait(reserve(this.#sink, ZERO_FRONT));
    return row;
  }

  #take(row: OpenRow, view: Uint8Array): Uint8Array {
    row.dataSizeBytes += view.length;
    this.#dataBytes += view.length;
    this.#checksum.add(view);
    return view;
  }

  #padRow(row: OpenRow): void {
    const padding = ZERO_PADDING.subarray(0, padTo(row.dataSizeBytes, VALUE_ALIGNMENT) - row.dataSizeBytes);
    this.#checksum.add(padding);
    if (padding.length > 0) this.#send([padding]);
  }

  #send(views: Uint8Array[]): void {
    if (views.length === 0) return;
    this.#wait(this.#sink.append(views));
  }

  #wait(waiting: Promise<void> | undefined): void {
    if (waiting === undefined) return;
    // Not every promise is awaited: the next awaited one reports a failure, and this must not end
    // the process.
    waiting.catch(() => {});
    this.#waiting = waiting;
  }
}
