/**
 * Access to the generated code: decoding fails with a CacheError, and views have Node's own type.
 *
 * Unknown fields are skipped and dropped: decoded messages are never forwarded. Bytes fields are
 * views of the input. The generated code creates an object per field, so the fields of a request
 * are counted first.
 * Cost: linear in the input; a small message takes a microsecond or two.
 */
import { type DescMessage, fromBinary, type MessageShape } from "@bufbuild/protobuf";
import { CacheError } from "../errors.ts";
import { checkFields } from "./field-walk.ts";

/** @throws {CacheError} INVALID_REQUEST if the bytes are not a message of this type. */
export function decodeMessageOf<Desc extends DescMessage>(
  schema: Desc,
  bytes: Uint8Array,
): MessageShape<Desc> {
  try {
    return fromBinary(schema, bytes, { readUnknownFields: false });
  } catch (cause) {
    throw new CacheError("INVALID_REQUEST", `the bytes are not a message ${schema.name}`, { cause });
  }
}

/**
 * The same for messages from clients.
 * @throws {CacheError} INVALID_REQUEST also if it exceeds LIMITS.requestFieldsMax, or is nested too
 *   deeply.
 */
export function decodeRequestOf<Desc extends DescMessage>(
  schema: Desc,
  bytes: Uint8Array,
): MessageShape<Desc> {
  checkFields(schema, bytes);
  return decodeMessageOf(schema, bytes);
}

/** The same bytes as a Buffer; a view. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/**
 * An int64 as a number.
 * @throws {CacheError} INVALID_REQUEST if a number cannot represent it exactly.
 */
export function safeNumber(value: bigint, subject: string): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number)) {
    throw new CacheError("INVALID_REQUEST", `${subject} exceeds 2^53`);
  }
  return number;
}
