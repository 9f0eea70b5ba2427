/**
 * The version floor of earlier releases, in `.version-floor`: the log has it since.
 *
 *     0    512   CRC-32 in 8 hex digits | space | version in decimal | line feed | zeros
 *     512  512   the same; the higher intact one counts
 *
 * Still earlier releases wrote the version alone.
 */
import fs from "node:fs";
import { CacheError } from "../../../errors.ts";
import { LIMITS } from "../../../limits.ts";
import { errnoOf } from "../disk-failure.ts";
import { EARLIER_FLOOR_FILE } from "../file-names.ts";
import { parseSummedLine } from "../summed-line.ts";

const SLOT_BYTES = 512;
const DECIMAL = /^(0|[1-9][0-9]{0,15})$/;
const FLAGS = fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW | fs.constants.O_NONBLOCK;

/**
 * Undefined if there is none. @throws {CacheError} INVALID_CONFIG if the file holds anything but a
 * version: guessing 0 would repeat versions.
 */
export function readEarlierFloor(root: string): number | undefined {
  const bytes = readStart(`${root}/${EARLIER_FLOOR_FILE}`);
  if (bytes === undefined) return undefined;
  const [first, second] = [0, 1].map((slot) =>
    bytes.toString("latin1", slot * SLOT_BYTES, (slot + 1) * SLOT_BYTES).replace(/\n?\0*$/, ""),
  );
  const texts = [first!, parseSummedLine(first!), parseSummedLine(second!)];
  const versions = texts.filter((text) => text !== undefined && DECIMAL.test(text)).map(Number);
  const version = Math.max(...versions);
  if (versions.length > 0 && version <= LIMITS.versionMax) return version;
  throw new CacheError("INVALID_CONFIG", "the storage directory's version floor is damaged", {
    facts: { path: EARLIER_FLOOR_FILE, sizeBytes: bytes.length, versionMax: LIMITS.versionMax },
  });
}

function readStart(path: string): Buffer | undefined {
  let fd: number | undefined;
  try {
    fd = fs.openSync(path, FLAGS);
    const bytes = Buffer.alloc(2 * SLOT_BYTES);
    return bytes.subarray(0, fs.readSync(fd, bytes, 0, bytes.length, 0));
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw error;
  } finally {
    if (fd !== undefined) fs.closeSync(fd);
  }
}
