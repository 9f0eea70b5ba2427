/**
 * One header block from its frames: HEADERS and what CONTINUATION adds to it, bounded.
 *
 * Source: RFC 9113, 6.2 and 6.10. A peer that never ends its block (CVE-2024-27983) is stopped by its bytes, and by the
 * number of its frames.
 */
import { LIMITS } from "../limits.ts";
import { FLAG } from "./frame.ts";
import { Http2Error } from "./http2-error.ts";

/** Huffman coding may make a block longer than the text it holds, and padding is none of it. */
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

  /** Memory that the open block takes, bytes. */
  get heldBytes(): number {
    return this.#open === undefined ? 0 : this.#sizeBytes;
  }

  /** A HEADERS frame. @returns the whole block when it ends here. @throws {Http2Error} PROTOCOL_ERROR, FRAME_SIZE_ERROR */
  begin(flags: number, streamId: number, payload: Buffer): Buffer | undefined {
    const fragment = headersFragment(flags, streamId, payload);
    if ((flags & FLAG.END_HEADERS) !== 0) return fragment;
    this.#open = { streamId, endStream: (flags & FLAG.END_STREAM) !== 0 };
    this.#pieces = [];
    this.#sizeBytes = 0;
    this.#add(fragment);
    return undefined;
  }

  /** A CONTINUATION frame. @returns the whole block when it ends here. @throws {Http2Error} PROTOCOL_ERROR, ENHANCE_YOUR_CALM */
  continue(flags: number, streamId: number, payload: Buffer): Buffer | undefined {
    if (this.#open?.streamId !== streamId) {
      throw new Http2Error("PROTOCOL_ERROR", "a CONTINUATION has no header block to continue");
    }
    this.#add(payload);
    if ((flags & FLAG.END_HEADERS) === 0) return undefined;
    const block = Buffer.concat(this.#pieces, this.#sizeBytes);
    this.#pieces = [];
    this.#open = undefined;
    return block;
  }

  /** A copy: a payload is the reader's again. */
  #add(fragment: Buffer): void {
    this.#sizeBytes += fragment.length;
    if (this.#sizeBytes > BLOCK_BYTES_MAX || this.#pieces.length >= FRAMES_MAX) {
      throw new Http2Error("ENHANCE_YOUR_CALM", "a header block is too long");
    }
    this.#pieces.push(Buffer.from(fragment));
  }
}

/** The block's part of a HEADERS frame, without padding and priority. */
function headersFragment(flags: number, streamId: number, payload: Buffer): Buffer {
  let start = 0;
  let end = payload.length;
  if ((flags & FLAG.PADDED) !== 0) {
    if (end === 0) throw new Http2Error("FRAME_SIZE_ERROR", "a padded frame has no length of its padding");
    end -= payload[0]!;
    start = 1;
  }
  const hasPriority = (flags & FLAG.PRIORITY) !== 0;
  if (hasPriority && start + PRIORITY_BYTES > payload.length) {
    throw new Http2Error("FRAME_SIZE_ERROR", "a HEADERS frame is too short for its priority");
  }
  if (hasPriority) {
    if ((payload.readUInt32BE(start) & 0x7fffffff) === streamId) {
      throw new Http2Error("PROTOCOL_ERROR", "a stream depends on itself");
    }
    start += PRIORITY_BYTES;
  }
  if (start > end) throw new Http2Error("PROTOCOL_ERROR", "a padding is longer than its frame");
  return payload.subarray(start, end);
}
