/**
 * The version floor of a bucket: no object that is made for a key without a manifest has a version
 * at or below it. One object, raised by compare-and-swap.
 *
 *     0  4  "FOCF"
 *     4  4  CRC-32 of the number, little-endian
 *     8  8  the floor, double, little-endian
 *
 * A collector raises it above a tombstone's version long before it removes the tombstone. So a
 * replica may use what it read for LIMITS.versionFloorTrustMs: a key that lost its tombstone
 * meanwhile is below what was read.
 */
import { crc32 } from "node:zlib";
import { CacheError } from "../../errors.ts";
import { LIMITS } from "../../limits.ts";
import type { Bucket } from "../../s3/bucket.ts";
import { FLOOR_NAME } from "./names.ts";
import { backOff, Stopwatch, type StoreClock, type Timing } from "./timing.ts";

const MAGIC = Buffer.from("FOCF");
const FLOOR_BYTES = 16;

interface Floor {
  readonly version: number;
  readonly etag?: string;
  /** Runs since before the request. */
  readonly since: Stopwatch;
}

interface FloorOptions {
  readonly bucket: Bucket;
  readonly timing: Timing;
  readonly storeClock: StoreClock;
}

export class VersionFloor {
  readonly #options: FloorOptions;
  #known: Floor | undefined;
  #reading: Promise<Floor> | undefined;

  constructor(options: FloorOptions) {
    this.#options = options;
  }

  /**
   * The floor, read within the last minute.
   * @throws {CacheError} STORAGE_UNAVAILABLE, OBJECT_CORRUPT
   */
  async version(): Promise<number> {
    const known = this.#known;
    if (known !== undefined && known.since.elapsedMs < LIMITS.versionFloorTrustMs) return known.version;
    this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined;
    });
    return (await this.#reading).version;
  }

  /**
   * Raises the floor; a lower version changes nothing.
   * @returns the floor that is in the bucket
   * @throws {CacheError} STORAGE_UNAVAILABLE, OBJECT_CORRUPT
   */
  async raise(version: number): Promise<number> {
    const { bucket, timing } = this.#options;
    for (let tries = 0; tries < LIMITS.bucketWriteTriesMax; tries += 1) {
      const floor = await this.#read();
      if (floor.version >= version) return floor.version;
      const condition = floor.etag === undefined ? ({ ifAbsent: true } as const) : { ifMatch: floor.etag };
      // Every outcome but a success is settled by reading the floor again: it only rises.
      const outcome = await bucket.write(FLOOR_NAME, [encodeFloor(version)], condition);
      if (outcome.kind === "done") {
        this.#known = { version, etag: outcome.etag, since: floor.since };
        return version;
      }
      await backOff(timing, tries, outcome.kind === "retry" ? outcome.afterMs : 0);
    }
    throw new CacheError("STORAGE_UNAVAILABLE", "the store did not accept the version floor in time");
  }

  async #read(): Promise<Floor> {
    const since = new Stopwatch(this.#options.timing);
    const outcome = await this.#options.bucket.read(FLOOR_NAME, { bytesMax: LIMITS.versionFloorBytesMax });
    this.#options.storeClock.observe(outcome.dateMs);
    const floor: Floor =
      outcome.kind === "found"
        ? { version: decodeFloor(outcome.body), etag: outcome.etag, since }
        : { version: 0, since };
    this.#known = floor;
    return floor;
  }
}

export function encodeFloor(version: number): Buffer {
  const bytes = Buffer.alloc(FLOOR_BYTES);
  MAGIC.copy(bytes);
  bytes.writeDoubleLE(version, 8);
  bytes.writeUInt32LE(crc32(bytes.subarray(8)), 4);
  return bytes;
}

/** @throws {CacheError} OBJECT_CORRUPT */
export function decodeFloor(bytes: Buffer): number {
  const isIntact =
    bytes.length === FLOOR_BYTES &&
    bytes.compare(MAGIC, 0, 4, 0, 4) === 0 &&
    crc32(bytes.subarray(8)) === bytes.readUInt32LE(4);
  const version = isIntact ? bytes.readDoubleLE(8) : Number.NaN;
  if (Number.isInteger(version) && version >= 0 && version <= LIMITS.versionMax) return version;
  throw new CacheError("OBJECT_CORRUPT", `the object ${FLOOR_NAME} in the bucket is not a version floor`);
}
