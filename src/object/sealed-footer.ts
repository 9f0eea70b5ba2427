/**
 * The end of an object file of ours: the Arrow footer with the cache's metadata, sealed by a
 * checksum.
 *
 *     FFFFFFFF 00000000 | footer flatbuffer ... flame.cache.footer_checksum = CRC-32 in hex ...
 *         | int32 size | "ARROW1"
 *
 * The sum covers all of it, with its own eight digits as zeros. Its entry comes first, so that
 * finding it is fast whatever follows. Bytes before the footer are covered by the checksum of
 * object-metadata.ts.
 */
import { crc32 } from "node:zlib";
import { FlatbufferReader } from "../arrow/flatbuffer-reader.ts";
import { type BlockSequence, encodeFooterSteps } from "../arrow/footer.ts";
import { keyValueRanges } from "../arrow/key-values.ts";
import { FOOTER } from "../arrow/slots.ts";
import { assert } from "../errors.ts";
import { atOnce } from "../turns.ts";
import { encodeObjectMetadata, type MetadataEntries, type ObjectMetadata } from "./object-metadata.ts";

/** Key in the footer of every file of ours, and of no other file. */
export const SEAL_KEY = "flame.cache.footer_checksum";
const SEAL_KEY_BYTES = Buffer.from(SEAL_KEY, "latin1");
const BLANK = Buffer.from("00000000", "latin1");
const BLANK_SEAL = [SEAL_KEY, BLANK.toString("latin1")] as const;
/** END_OF_STREAM before the flatbuffer; its size and the magic after it. */
const BEFORE_BYTES = 8;
const AFTER_BYTES = 10;

/** Maximum size of a sealed footer without its schema, blocks and app_metadata, bytes. */
export const SEALED_FOOTER_BYTES = 1024;

export interface SealedFooterParts {
  readonly schemaHeader: Uint8Array;
  readonly dictionaries: BlockSequence;
  readonly recordBatches: BlockSequence;
  readonly metadata: ObjectMetadata;
}

/** Encodes everything after the last message of an object file, for `position`. */
export function encodeSealedFooter(parts: SealedFooterParts, position: number): Buffer {
  return atOnce(sealedFooterSteps(parts, position));
}

/** The same in steps, so that others can run in between. */
export function* sealedFooterSteps(parts: SealedFooterParts, position: number): Generator<void, Buffer> {
  const metadata: MetadataEntries = [BLANK_SEAL, ...encodeObjectMetadata(parts.metadata)];
  const { schemaHeader, dictionaries, recordBatches } = parts;
  yield;
  const end = yield* encodeFooterSteps({ schemaHeader, dictionaries, recordBatches, metadata }, position);
  yield;
  const seal = placeOfSeal(end);
  end.write(sealOf(end, seal), seal, "latin1");
  return end;
}

/** Position of the digits in a new footer: after their key, its NUL, padding, and their length. */
function placeOfSeal(end: Buffer): number {
  const keyEnd = end.indexOf(SEAL_KEY_BYTES) + SEAL_KEY_BYTES.length;
  const seal = BEFORE_BYTES + 4 * Math.ceil((keyEnd + 1 - BEFORE_BYTES) / 4) + 4;
  assert(
    end.compare(BLANK, 0, BLANK.length, seal, seal + BLANK.length) === 0,
    "our footer has a place for its seal",
  );
  return seal;
}

/**
 * True if the end of a file, from its END_OF_STREAM on, matches its seal.
 * @throws {CacheError} INVALID_IPC if it is not a footer.
 */
export function isFooterIntact(end: Buffer): boolean {
  const seal = findSeal(end);
  return seal !== undefined && end.toString("latin1", seal, seal + BLANK.length) === sealOf(end, seal);
}

/** Position of the digits. */
function findSeal(end: Buffer): number | undefined {
  const reader = new FlatbufferReader(end.subarray(BEFORE_BYTES, end.length - AFTER_BYTES));
  for (const { key, value } of keyValueRanges(reader.root(), FOOTER.metadata)) {
    if (value?.length === BLANK.length && reader.text(key) === SEAL_KEY) return BEFORE_BYTES + value.position;
  }
  return undefined;
}

function sealOf(end: Buffer, seal: number): string {
  const sum = crc32(end.subarray(seal + BLANK.length), crc32(BLANK, crc32(end.subarray(0, seal))));
  return sum.toString(16).padStart(BLANK.length, "0");
}
