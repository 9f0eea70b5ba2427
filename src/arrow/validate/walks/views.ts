/**
 * Checks views of binary_view and utf8_view columns, 16 bytes each, and in full validation their
 * values.
 *
 *     length <= 12   int32 length | the bytes, zeros after them
 *     length > 12    int32 length | the first 4 bytes | int32 buffer | int32 offset
 *
 * Data under nulls is not checked. Full validation holds long views and data; HeldViews checks them
 * after the last data buffer.
 */
import { isUtf8 } from "node:buffer";
import { invalidIpc } from "../../invalid-ipc.ts";
import { isNull } from "./validity.ts";
import { ElementWalk, type Scratch, type Walk } from "./walk.ts";

const INLINE_BYTES_MAX = 12;
const VIEW_BYTES = 16;

export class ViewsWalk extends ElementWalk {
  readonly #dataBytes: readonly number[];
  readonly #bits: Uint8Array | undefined;
  readonly #held: HeldViews | undefined;
  #row = 0;

  /** @param dataBytes sizes of the data buffers. @param held absent: values are not checked. */
  constructor(
    place: { start: number; count: number },
    dataBytes: readonly number[],
    { bits, held }: { bits: Uint8Array | undefined; held: HeldViews | undefined },
  ) {
    super({ ...place, elementBytes: VIEW_BYTES, isBigEndian: false });
    this.#dataBytes = dataBytes;
    this.#bits = bits;
    this.#held = held;
  }

  protected override run({ bytes, int32 }: Scratch, count: number): void {
    for (let index = 0; index < count; index += 1) {
      if (isNull(this.#bits, this.#row + index)) continue;
      const length = int32[4 * index]!;
      if (length > INLINE_BYTES_MAX) {
        const [buffer, offset] = [int32[4 * index + 2]!, int32[4 * index + 3]!];
        if (!(offset >= 0 && offset + length <= (this.#dataBytes[buffer] ?? -1))) {
          throw invalidIpc("a view points outside its data");
        }
        this.#held?.long({ length, prefix: int32[4 * index + 1]!, buffer, offset });
      } else {
        if (length < 0) throw invalidIpc("a view has a negative length");
        this.#held?.inline(bytes.subarray(VIEW_BYTES * index + 4, VIEW_BYTES * (index + 1)), length);
      }
    }
    this.#row += count;
  }
}

interface LongView {
  readonly length: number;
  readonly prefix: number;
  readonly buffer: number;
  readonly offset: number;
}

/** The data that full validation holds of one view column. */
export class HeldViews {
  readonly #isText: boolean;
  readonly #data: readonly Buffer[];
  readonly #views: LongView[] = [];

  constructor(dataBytes: readonly number[], isText: boolean) {
    this.#isText = isText;
    this.#data = dataBytes.map((sizeBytes) => Buffer.allocUnsafe(sizeBytes));
  }

  long(view: LongView): void {
    this.#views.push(view);
  }

  /** @param bytes the 12 bytes of an inline value. */
  inline(bytes: Buffer, length: number): void {
    for (let at = length; at < INLINE_BYTES_MAX; at += 1) {
      if (bytes[at] !== 0) throw invalidIpc("an inline view has nonzero padding");
    }
    if (this.#isText && !isUtf8(bytes.subarray(0, length))) throw invalidIpc("a string is not UTF-8");
  }

  /** A walk that collects one data buffer; after the last one all views are checked. */
  collect(start: number, buffer: number): Walk {
    const data = this.#data[buffer]!;
    let seen = 0;
    return {
      start,
      end: start + data.length,
      feed: (bytes) => {
        seen += bytes.copy(data, seen);
      },
      done: () => {
        if (this.#data.slice(buffer + 1).every((later) => later.length === 0)) this.#lookAtAll();
      },
    };
  }

  #lookAtAll(): void {
    for (const { length, prefix, buffer, offset } of this.#views) {
      const value = this.#data[buffer]!.subarray(offset, offset + length);
      if (value.readInt32LE(0) !== prefix) throw invalidIpc("the prefix of a view differs from its value");
      if (this.#isText && !isUtf8(value)) throw invalidIpc("a string is not UTF-8");
    }
  }
}
