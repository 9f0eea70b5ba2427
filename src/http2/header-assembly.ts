/**
 * Joins one header block from its HEADERS and CONTINUATION frames, with bounds.
 *
 * The size of the block and the number of its frames are limited, which stops a peer that never
 * ends its block (CVE-2024-27983).
 * Source: RFC 9113, 6.2 and 6.10.
 */
import { LIMITS } from "../limits.ts";
import { FLAG } from "./frame.ts";
import { Http2Error } from "./http2-error.ts";

/** Huffman coding can make a block longer than its text. Padding is not counted. */
const BLOCK_BYTES_MAX = 2 * LIMITS.callMetadataBytesMax;
const FRAMES_MAX = 64;
const PRIORITY_BYTES = 5;

export interface OpenBlock {
  readonly streamId: number;
  readonly endStream: boolean;
}

export class HeaderAssembly {
  #open: OpenBlock | undefined;
  #pieces: Buffer[] = [];
  #sizeBytes = 0;

  /** The block that waits for its CONTINUATION. */
  get open(): OpenBlock | undefined {
    return this.#open;
  }

  /** Memory of the open block, bytes. */
  get heldBytes(): number {
    return this.#open === undefined ? 0 : this.#sizeBytes;
  }

  /**
   * Handles HEADERS. @returns the block if it is complete. @throws {Http2Error} PROTOCOL_ERROR,
   * FRAME_SIZE_ERROR
   */
  begin(flags: number, streamId: number, payload: Buffer): Buffer | undefined {
    const fragment = headersFragment(flags, streamId, payload);
    if ((flags & FLAG.END_HEADERS) !== 0) return fragment;
    this.#open = { streamId, endStream: (flags & FLAG.END_STREAM) !== 0 };
    this.#pieces = [];
    this.#sizeBytes = 0;
    this.#add(fragment);
    return undefined;
  }

  /**
   * Handles CONTINUATION. @returns the block if it is complete. @throws {Http2Error}
   * PROTOCOL_ERROR, ENHANCE_YOUR_CALM
   */
  continue(flags: number, streamId: number, payload: Buffer): Buffer | undefined {
    if (this.#open?.streamId !== streamId) {
      throw new Http2Error("PROTOCOL_ERROR", "CONTINUATION without an open header block");
    }
    this.#add(payload);
    if ((flags & FLAG.END_HEADERS) === 0) return undefined;
    const block = Buffer.concat(this.#pieces, this.#sizeBytes);
    this.#pieces = [];
    this.#open = undefined;
    return block;
  }

  /** Copies the fragment, because the reader reuses the payload. */
  #add(fragment: Buffer): void {
    this.#sizeBytes += fragment.length;
    if (this.#sizeBytes > BLOCK_BYTES_MAX || this.#pieces.length >= FRAMES_MAX) {
      throw new Http2Error("ENHANCE_YOUR_CALM", "the header block is too long");
    }
    this.#pieces.push(Buffer.from(fragment));
  }
}

/** The block fragment of a HEADERS frame, without padding and priority. */
function headersFragment(flags: number, streamId: number, payload: Buffer): Buffer {
  let start = 0;
  let end = payload.length;
  if ((flags & FLAG.PADDED) !== 0) {
    if (end === 0) throw new Http2Error("FRAME_SIZE_ERROR", "a padded frame is too short for its pad length");
    end -= payload[0]!;
    start = 1;
  }
  const hasPriority = (flags & FLAG.PRIORITY) !== 0;
  if (hasPriority && start + PRIORITY_BYTES > payload.length) {
    throw new Http2Error("FRAME_SIZE_ERROR", "a HEADERS frame is too short for its priority fields");
  }
  if (hasPriority) {
    if ((payload.readUInt32BE(start) & 0x7fffffff) === streamId) {
      throw new Http2Error("PROTOCOL_ERROR", "a stream depends on itself");
    }
    start += PRIORITY_BYTES;
  }
  if (start > end) throw new Http2Error("PROTOCOL_ERROR", "the padding is longer than its frame");
  return payload.subarray(start, end);
}
