/**
 * Splits the byte stream of a socket into frames.
 *
 * The payload of DATA is passed on while it arrives, as views of the socket's buffers, without its
 * padding. Every other frame is delivered whole: as a view if it lies in one chunk, otherwise
 * gathered in memory that grows with the bytes received. A peer that sends single bytes costs no
 * more than one frame.
 * Source: RFC 9113, 4.1, 4.2, 6.1.
 */
import { CLIENT_PREFACE, DEFAULT_FRAME_BYTES_MAX, FLAG, FRAME, FRAME_HEADER_BYTES } from "./frame.ts";
import { Http2Error } from "./http2-error.ts";

/** Steps between two reads of the clock, which costs as much as a small frame. */
const STEPS_PER_CHECK = 16;
const GATHERED_BYTES_MIN = 64;
const NOTHING = Buffer.alloc(0);

export interface FrameReceiver {
  /** True if the receiver needs no more frames. */
  readonly isOver: boolean;
  /** Any frame but DATA. The payload is valid only during the call. */
  frame(type: number, flags: number, streamId: number, payload: Buffer): void;
  /** A DATA frame begins; `lengthBytes` includes its padding. */
  dataBegins(streamId: number, lengthBytes: number): void;
  dataBytes(view: Buffer): void;
  dataEnds(endStream: boolean): void;
}

export class FrameReader {
  readonly #receiver: FrameReceiver;
  #prefaceBytes = 0;
  /** Remaining bytes of the current DATA frame's content and padding. */
  #contentLeft = 0;
  #paddingLeft = 0;
  #isPadLengthDue = false;
  #isInData = false;
  #endsStream = false;
  /** A frame that is split over chunks, including its header. */
  #gathered: Buffer = NOTHING;
  #gatheredBytes = 0;

  constructor(receiver: FrameReceiver) {
    this.#receiver = receiver;
  }

  /** True after the client's preface. */
  get hasBegun(): boolean {
    return this.#prefaceBytes === CLIENT_PREFACE.length;
  }

  /** Memory for the frame that is being gathered, bytes. */
  get heldBytes(): number {
    return this.#gathered.length;
  }

  /**
   * True between the first byte of a frame and its last; for DATA only until its header is
   * complete.
   */
  get isMidway(): boolean {
    return this.#gatheredBytes > 0;
  }

  /**
   * Reads the chunk, or a part of it if that takes until `untilMs` on the clock of
   * `performance.now`.
   * @returns the number of bytes read; all of them if the receiver is over.
   * @throws {Http2Error} PROTOCOL_ERROR, FRAME_SIZE_ERROR; any error of the receiver
   */
  push(chunk: Buffer, untilMs = Number.POSITIVE_INFINITY): number {
    let position = this.hasBegun ? 0 : this.#readPreface(chunk);
    for (let steps = 1; position < chunk.length && !this.#receiver.isOver; steps++) {
      if (this.#isInData) position = this.#passData(chunk, position);
      else if (this.#gatheredBytes > 0) position = this.#gather(chunk, position);
      else position = this.#readFrame(chunk, position);
      if (steps % STEPS_PER_CHECK === 0 && performance.now() >= untilMs) return position;
    }
    return chunk.length;
  }

  #readPreface(chunk: Buffer): number {
    const taken = Math.min(chunk.length, CLIENT_PREFACE.length - this.#prefaceBytes);
    const end = this.#prefaceBytes + taken;
    if (chunk.compare(CLIENT_PREFACE, this.#prefaceBytes, end, 0, taken) !== 0) {
      throw new Http2Error("PROTOCOL_ERROR", "the connection preface is not HTTP/2");
    }
    this.#prefaceBytes = end;
    return taken;
  }

  /** Called at the first byte of a frame. */
  #readFrame(chunk: Buffer, position: number): number {
    const available = chunk.length - position;
    if (available < FRAME_HEADER_BYTES) return this.#beginGathering(chunk, position);
    const lengthBytes = checkedLength(chunk, position);
    if (chunk[position + 3] === FRAME.DATA) {
      this.#beginData(chunk, position, lengthBytes);
      return position + FRAME_HEADER_BYTES;
    }
    if (available < FRAME_HEADER_BYTES + lengthBytes) return this.#beginGathering(chunk, position);
    this.#deliver(chunk, position, lengthBytes);
    return position + FRAME_HEADER_BYTES + lengthBytes;
  }

  #deliver(bytes: Buffer, position: number, lengthBytes: number): void {
    const start = position + FRAME_HEADER_BYTES;
    const streamId = streamIdAt(bytes, position);
    const payload = bytes.subarray(start, start + lengthBytes);
    this.#receiver.frame(bytes[position + 3]!, bytes[position + 4]!, streamId, payload);
  }

  #beginGathering(chunk: Buffer, position: number): number {
    this.#grow(chunk.length - position);
    this.#gatheredBytes = chunk.copy(this.#gathered, 0, position);
    return chunk.length;
  }

  /** Memory grows with the bytes received, not with the length in a header. */
  #grow(neededBytes: number): void {
    if (neededBytes <= this.#gathered.length) return;
    const larger = Buffer.allocUnsafeSlow(
      Math.max(GATHERED_BYTES_MIN, 2 * this.#gathered.length, neededBytes),
    );
    this.#gathered.copy(larger, 0, 0, this.#gatheredBytes);
    this.#gathered = larger;
  }

  #takeGathered(): Buffer {
    const gathered = this.#gathered;
    this.#gathered = NOTHING;
    this.#gatheredBytes = 0;
    return gathered;
  }

  #gather(chunk: Buffer, position: number): number {
    const hadHeader = this.#gatheredBytes >= FRAME_HEADER_BYTES;
    const wanted = FRAME_HEADER_BYTES + (hadHeader ? checkedLength(this.#gathered, 0) : 0);
    const end = Math.min(chunk.length, position + wanted - this.#gatheredBytes);
    this.#grow(this.#gatheredBytes + end - position);
    this.#gatheredBytes += chunk.copy(this.#gathered, this.#gatheredBytes, position, end);
    if (this.#gatheredBytes < wanted) return end;
    const lengthBytes = checkedLength(this.#gathered, 0);
    if (this.#gathered[3] === FRAME.DATA) this.#beginData(this.#takeGathered(), 0, lengthBytes);
    else if (hadHeader || lengthBytes === 0) this.#deliver(this.#takeGathered(), 0, lengthBytes);
    return end;
  }

  #beginData(bytes: Buffer, position: number, lengthBytes: number): void {
    const flags = bytes[position + 4]!;
    this.#isPadLengthDue = (flags & FLAG.PADDED) !== 0;
    if (this.#isPadLengthDue && lengthBytes === 0) {
      throw new Http2Error("FRAME_SIZE_ERROR", "a padded frame is too short for its pad length");
    }
    this.#endsStream = (flags & FLAG.END_STREAM) !== 0;
    this.#contentLeft = lengthBytes;
    this.#paddingLeft = 0;
    this.#isInData = true;
    this.#receiver.dataBegins(streamIdAt(bytes, position), lengthBytes);
    this.#endDataWhenDone();
  }

  #passData(chunk: Buffer, position: number): number {
    if (this.#isPadLengthDue) {
      this.#isPadLengthDue = false;
      this.#paddingLeft = chunk[position]!;
      this.#contentLeft -= 1 + this.#paddingLeft;
      if (this.#contentLeft < 0)
        throw new Http2Error("PROTOCOL_ERROR", "the padding is longer than its frame");
      this.#endDataWhenDone();
      return position + 1;
    }
    const contentEnd = Math.min(chunk.length, position + this.#contentLeft);
    if (contentEnd > position) {
      this.#contentLeft -= contentEnd - position;
      this.#receiver.dataBytes(chunk.subarray(position, contentEnd));
    }
    const end = Math.min(chunk.length, contentEnd + this.#paddingLeft);
    this.#paddingLeft -= end - contentEnd;
    this.#endDataWhenDone();
    return end;
  }

  #endDataWhenDone(): void {
    if (this.#isPadLengthDue || this.#contentLeft + this.#paddingLeft > 0) return;
    this.#isInData = false;
    this.#receiver.dataEnds(this.#endsStream);
  }
}

function checkedLength(bytes: Buffer, position: number): number {
  const lengthBytes = bytes.readUIntBE(position, 3);
  if (lengthBytes <= DEFAULT_FRAME_BYTES_MAX) return lengthBytes;
  throw new Http2Error("FRAME_SIZE_ERROR", "the frame is larger than SETTINGS_MAX_FRAME_SIZE");
}

function streamIdAt(bytes: Buffer, position: number): number {
  return bytes.readUInt32BE(position + 5) & 0x7fffffff;
}
