/**
 * Splits an opaque value into the rows in which it is sent: one row, unless the value is over 2 GiB
 * - 1 or over the size that the caller requested. Pure.
 *
 * In that case each row fits into one message of every client.
 */
import { LIMITS } from "../limits.ts";
import type { ByteRange, StoredObject } from "../object/stored-blocks.ts";

export function* wireRows(object: StoredObject, requestedBytesMax?: number): Generator<readonly ByteRange[]> {
  // A compressed value is one buffer.
  const requested = object.codec === undefined ? requestedBytesMax : undefined;
  if (object.dataBytes <= (requested ?? LIMITS.opaqueRowBytesMax)) {
    yield object.dataRanges;
    return;
  }
  const rowBytesMax = requested ?? LIMITS.opaqueWireRowBytesMax;
  for (const range of object.dataRanges) {
    for (let offset = 0; offset < range.sizeBytes; offset += rowBytesMax) {
      const sizeBytes = Math.min(rowBytesMax, range.sizeBytes - offset);
      yield [{ position: range.position + offset, sizeBytes }];
    }
  }
}
