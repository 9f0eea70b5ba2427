/**
 * What a server tells of an object beyond its FlightInfo, to callers who ask by the header `flame-object-facts: 1`: the
 * app_metadata of the FlightEndpoint (docs/protocol.md, "Object facts").
 *
 *     0  int64 LE  when it was last put or patched, ms since 1970; 0: not known
 *     8  bytes     of an opaque value the first ones, LIMITS.valueHeadBytes at most, unless it was put compressed
 */
export const OBJECT_FACTS_HEADER = "flame-object-facts";

export interface ObjectFactsParts {
  readonly modifiedMs: number | undefined;
  /** Empty where it is not known. */
  readonly head: Uint8Array;
}

const TIME_BYTES = 8;

export function encodeObjectFacts({ modifiedMs, head }: ObjectFactsParts): Buffer {
  const bytes = Buffer.alloc(TIME_BYTES + head.length);
  bytes.writeBigInt64LE(BigInt(Math.round(modifiedMs ?? 0)), 0);
  bytes.set(head, TIME_BYTES);
  return bytes;
}

/** Views; of bytes that are too short nothing is known. */
export function decodeObjectFacts(bytes: Uint8Array | undefined): ObjectFactsParts {
  if (bytes === undefined || bytes.length < TIME_BYTES)
    return { modifiedMs: undefined, head: new Uint8Array(0) };
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const modifiedMs = Number(view.readBigInt64LE(0));
  return { modifiedMs: modifiedMs > 0 ? modifiedMs : undefined, head: view.subarray(TIME_BYTES) };
}
