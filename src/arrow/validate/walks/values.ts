/**
 * Checks values against their type: times beyond a day, dates inside one, decimals with too many
 * digits, text that is not UTF-8.
 *
 * Full validation only: such values cannot cause reads out of bounds. Data under nulls is not
 * checked.
 */
import { isAscii, isUtf8 } from "node:buffer";
import { invalidIpc } from "../../invalid-ipc.ts";
import type { ValueRule } from "../column-plan.ts";
import { isNull } from "./validity.ts";
import { type Elements, ElementWalk, int64At, type Scratch, type Walk } from "./walk.ts";

type Allows = (scratch: Scratch, index: number) => boolean;

/** Values of fixed width. */
export class ValuesWalk extends ElementWalk {
  readonly #allows: Allows;
  readonly #bits: Uint8Array | undefined;
  #row = 0;

  constructor(elements: Elements, rule: Exclude<ValueRule, { kind: "utf8" }>, bits?: Uint8Array) {
    super(elements);
    this.#allows = RULES[rule.kind](rule as never, elements.elementBytes);
    this.#bits = bits;
  }

  protected override run(scratch: Scratch, count: number): void {
    for (let index = 0; index < count; index += 1) {
      if (!this.#allows(scratch, index) && !isNull(this.#bits, this.#row + index)) {
        throw invalidIpc("a value is invalid for its type");
      }
    }
    this.#row += count;
  }
}

const RULES = {
  range:
    ({ below }: { below: number }, elementBytes: number): Allows =>
    (scratch, index) => {
      const value = elementBytes === 4 ? scratch.int32[index]! : int64At(scratch, index);
      return value >= 0 && value < below;
    },
  multiple:
    ({ of }: { of: number }): Allows =>
    (scratch, index) =>
      scratch.bytes.readBigInt64LE(8 * index) % BigInt(of) === 0n,
  decimal: ({ digits }: { digits: number }, elementBytes: number): Allows => {
    const limit = 10n ** BigInt(digits);
    return ({ bytes }, index) => {
      const value = integerAt(bytes, elementBytes * index, elementBytes);
      return value > -limit && value < limit;
    };
  },
};

/** A signed little-endian integer of 4 to 32 bytes. */
function integerAt(bytes: Buffer, position: number, sizeBytes: number): bigint {
  if (sizeBytes === 4) return BigInt(bytes.readInt32LE(position));
  let value = bytes.readBigInt64LE(position + sizeBytes - 8);
  for (let at = position + sizeBytes - 16; at >= position; at -= 8) {
    value = (value << 64n) | bytes.readBigUInt64LE(at);
  }
  return value;
}

/** Checks a text column with offsets: valid UTF-8, and no value begins inside a character. */
export class TextWalk implements Walk {
  readonly start: number;
  readonly end: number;
  readonly #offsets: Float64Array | undefined;
  /** The first bytes of a character that a chunk boundary splits. */
  #cut: Buffer = Buffer.alloc(0);
  #seenBytes = 0;
  #nextOffset = 0;

  /**
   * @param offsets absent if there are too many to hold: then the starts of values are not checked.
   */
  constructor(start: number, sizeBytes: number, offsets?: Float64Array) {
    this.start = start;
    this.end = start + sizeBytes;
    this.#offsets = offsets;
  }

  feed(bytes: Buffer): void {
    if (this.#cut.length > 0 || !isAscii(bytes)) this.#lookAt(bytes);
    this.#seenBytes += bytes.length;
  }

  done(): void {
    if (this.#cut.length > 0) throw invalidIpc("a string is not UTF-8");
  }

  #lookAt(bytes: Buffer): void {
    const offsets = this.#offsets ?? [];
    while (this.#nextOffset < offsets.length && offsets[this.#nextOffset]! < this.#seenBytes)
      this.#nextOffset += 1;
    for (; this.#nextOffset < offsets.length; this.#nextOffset += 1) {
      const byte = bytes[offsets[this.#nextOffset]! - this.#seenBytes];
      if (byte === undefined) break;
      if ((byte & 0xc0) === 0x80) throw invalidIpc("a string begins inside a character");
    }
    const all = this.#cut.length === 0 ? bytes : Buffer.concat([this.#cut, bytes]);
    const whole = wholeCharacters(all);
    if (!isUtf8(all.subarray(0, whole))) throw invalidIpc("a string is not UTF-8");
    this.#cut = Buffer.from(all.subarray(whole));
  }
}

/** Number of bytes before an incomplete character at the end. */
function wholeCharacters(bytes: Buffer): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back += 1) {
    const byte = bytes[bytes.length - back]!;
    if ((byte & 0xc0) === 0x80) continue;
    const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return length > back ? bytes.length - back : bytes.length;
  }
  return bytes.length;
}
