/**
 * The end of an object file of ours: the Arrow footer with the cache's metadata, sealed by a checksum of its own.
 *
 *     FFFFFFFF 00000000 | footer flatbuffer ... flame.cache.footer_checksum = CRC-32 in hex ... | int32 size | "ARROW1"
 *
 * The sum runs over all of it, its own eight digits taken as zeros. It stands first among the entries, so that finding it
 * costs nothing whatever follows. The bytes before the footer have the checksum of object-metadata.ts.
 */
import { crc32 } from "node:zlib";
import { FlatbufferReader } from "../arrow/flatbuffer-reader.ts";
import { type BlockSequence, encodeFooterSteps } from "../arrow/footer.ts";
import { keyValueRanges } from "../arrow/key-values.ts";
import { FOOTER } from "../arrow/slots.ts";
import { assert } from "../errors.ts";
import { atOnce } from "../turns.ts";
import { encodeObjectMetadata, type MetadataEntries, type ObjectMetadata } from "./object-metadata.ts";

/** Stands in the footer of every file of ours, and of no other. */
export const SEAL_KEY = "flame.cache.footer_checksum";
const SEAL_KEY_BYTES = Buffer.from(SEAL_KEY, "latin1");
const BLANK = Buffer.from("00000000", "latin1");
const BLANK_SEAL = [SEAL_KEY, BLANK.toString("latin1")] as const;
/** END_OF_STREAM in front of the flatbuffer; its size and the magic behind. */
const BEFORE_BYTES = 8;
const AFTER_BYTES = 10;

/** What a sealed footer takes beside its schema, blocks and app_metadata, bytes, at most. */
export const SEALED_FOOTER_BYTES = 1024;

export interface SealedFooterParts {
  readonly schemaHeader: Uint8Array;
  readonly dictionaries: BlockSequence;
  readonly recordBatches: BlockSequence;
  readonly metadata: ObjectMetadata;
}

/** Everything that follows the last message of an object file, for writing at `position`. */
export function encodeSealedFooter(parts: SealedFooterParts, position: number): Buffer {
  return atOnce(sealedFooterSteps(parts, position));
}

/** The same, for who lets others in between. */
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

/** Where the digits stand in a footer that was just written: behind their key, its NUL, padding, and their length. */
function placeOfSeal(end: Buffer): number {
  const keyEnd = end.indexOf(SEAL_KEY_BYTES) + SEAL_KEY_BYTES.length;
  const seal = BEFORE_BYTES + 4 * Math.ceil((keyEnd + 1 - BEFORE_BYTES) / 4) + 4;
  assert(
    end.compare(BLANK, 0, BLANK.length, seal, seal + BLANK.length) === 0,
    "a footer of ours has a place for its seal",
  );
  return seal;
}

/**
 * True when the end of a file, from its END_OF_STREAM on, is as it was written.
 * @throws {CacheError} INVALID_IPC when it is no footer at all.
 */
export function isFooterIntact(end: Buffer): boolean {
  const seal = findSeal(end);
  return seal !== undefined && end.toString("latin1", seal, seal + BLANK.length) === sealOf(end, seal);
}

/** Where the digits stand. */
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
