/**
 * Handles each frame of a client: for the connection, for a stream, or ignored.
 *
 * A connection error is thrown; a stream error resets the stream. Frames of closed streams may have
 * been sent before the peer knew: they are ignored and counted.
 * Source: RFC 9113, 5.1, 5.4 and 6.
 */
import { LIMITS } from "../limits.ts";
import { logFor } from "../log.ts";
import type { ConnectionMemory } from "./call-memory.ts";
import type { ConnectionGuard } from "./connection-guard.ts";
import { encodePing, FLAG, FRAME, frameName, SETTINGS_ACK, UINT31_MAX } from "./frame.ts";
import type { FrameReceiver } from "./frame-reader.ts";
import { HeaderAssembly } from "./header-assembly.ts";
import { type HeaderBlock, HpackDecoder } from "./hpack-decoder.ts";
import { Http2Error, type Http2ErrorCode } from "./http2-error.ts";
import { OpenedStreams } from "./opened-streams.ts";
import type { PeerSettings } from "./peer-settings.ts";
import type { ServerStream } from "./server-stream.ts";

const log = logFor("grpc");

const HEADER_TABLE_BYTES = 4096;

type FrameHandler = (flags: number, streamId: number, payload: Buffer) => void;

/** The part of the connection that its frames use. */
export interface FrameHost {
  readonly isOver: boolean;
  readonly guard: ConnectionGuard;
  /** The account of the connection. */
  readonly memory: ConnectionMemory;
  /** Processor time that the connection recently used beyond its share, ms. */
  readonly debtMs: number;
  readonly settings: PeerSettings;
  /** Streams that are not closed. */
  readonly streams: ReadonlyMap<number, ServerStream>;
  control(frame: Uint8Array): void;
  /** Takes `sizeBytes` from the connection's window. @throws {Http2Error} FLOW_CONTROL_ERROR */
  received(sizeBytes: number): void;
  /** Returns them to the peer. */
  credit(sizeBytes: number): void;
  /** @returns false if the window overflows */
  widenSendWindow(byBytes: number): boolean;
  openStream(id: number, request: HeaderBlock): ServerStream | undefined;
  resetStream(id: number, code: Http2ErrorCode): void;
}

export class ServerFrames implements FrameReceiver {
  readonly #host: FrameHost;
  readonly #assembly = new HeaderAssembly();
  readonly #decoder = new HpackDecoder({
    tableBytesMax: HEADER_TABLE_BYTES,
    listBytesMax: LIMITS.callMetadataBytesMax,
  });
  /** By type. A frame of unknown type is ignored. */
  readonly #handlers: readonly (FrameHandler | undefined)[];
  /** Checked once for each connection: the check costs more than a frame. */
  readonly #isTraced = log.isEnabled("trace");
  #hasSettings = false;
  readonly #opened = new OpenedStreams();
  /** Target of the current DATA frame, its length, and whether it contained more than padding. */
  #dataStream: ServerStream | undefined;
  #dataBytes = 0;
  #hasContent = false;

  constructor(host: FrameHost) {
    this.#host = host;
    const handlers: (FrameHandler | undefined)[] = [];
    handlers[FRAME.HEADERS] = (flags, streamId, payload) => this.#headers(flags, streamId, payload);
    handlers[FRAME.PRIORITY] = (_flags, streamId, payload) => this.#priority(streamId, payload);
    handlers[FRAME.RST_STREAM] = (_flags, streamId, payload) => this.#reset(streamId, payload);
    handlers[FRAME.SETTINGS] = (flags, streamId, payload) => this.#settings(flags, streamId, payload);
    handlers[FRAME.PUSH_PROMISE] = refusePush;
    handlers[FRAME.PING] = (flags, streamId, payload) => this.#ping(flags, streamId, payload);
    handlers[FRAME.GOAWAY] = (_flags, streamId, payload) => this.#goAway(streamId, payload);
    handlers[FRAME.WINDOW_UPDATE] = (_flags, streamId, payload) => this.#windowUpdate(streamId, payload);
    handlers[FRAME.CONTINUATION] = (flags, streamId, payload) => this.#continuation(flags, streamId, payload);
    this.#handlers = handlers;
  }

  get isOver(): boolean {
    return this.#host.isOver;
  }

  /** Memory of the incomplete header block, bytes. */
  get heldBytes(): number {
    return this.#assembly.heldBytes;
  }

  get lastStreamId(): number {
    return this.#opened.last;
  }

  frame(type: number, flags: number, streamId: number, payload: Buffer): void {
    if (this.#isTraced)
      log.trace("frame received", { type: frameName(type), flags, streamId, bytes: payload.length });
    if (this.#assembly.open !== undefined && type !== FRAME.CONTINUATION) {
      throw new Http2Error("PROTOCOL_ERROR", "another frame arrived inside a header block");
    }
    this.#hasSettings ||= type === FRAME.SETTINGS && (flags & FLAG.ACK) === 0;
    if (!this.#hasSettings) throw new Http2Error("PROTOCOL_ERROR", "the first frame is not SETTINGS");
    const handler = this.#handlers[type];
    if (handler === undefined) this.#host.guard.countIdleFrame();
    else handler(flags, streamId, payload);
  }

  dataBegins(streamId: number, lengthBytes: number): void {
    if (this.#isTraced) log.trace("frame received", { type: "DATA", streamId, bytes: lengthBytes });
    if (this.#assembly.open !== undefined || !this.#hasSettings) {
      throw new Http2Error("PROTOCOL_ERROR", "DATA inside a header block or before SETTINGS");
    }
    this.#checkNotIdle(streamId);
    this.#host.received(lengthBytes);
    this.#dataBytes = lengthBytes;
    this.#hasContent = false;
    const stream = this.#host.streams.get(streamId);
    this.#dataStream = stream;
    if (stream === undefined) {
      this.#host.guard.countIdleFrame();
      return;
    }
    const fault = stream.dataBegins(lengthBytes);
    if (fault === undefined) return;
    this.#dataStream = undefined;
    this.#host.resetStream(streamId, fault);
  }

  dataBytes(view: Buffer): void {
    this.#hasContent = true;
    this.#dataStream?.data(view);
  }

  dataEnds(endStream: boolean): void {
    const stream = this.#dataStream;
    this.#dataStream = undefined;
    if (!this.#hasContent && !endStream) this.#host.guard.countIdleFrame();
    if (stream === undefined) {
      this.#host.credit(this.#dataBytes);
      return;
    }
    this.#resetFor(stream.dataEnds(this.#dataBytes, endStream), stream.id);
  }

  #headers(flags: number, streamId: number, payload: Buffer): void {
    if (streamId % 2 === 0)
      throw new Http2Error("PROTOCOL_ERROR", "a client opened a stream with an even number");
    this.#checkMemoryFor(flags, payload);
    const block = this.#assembly.begin(flags, streamId, payload);
    if (block !== undefined) this.#block(block, streamId, (flags & FLAG.END_STREAM) !== 0);
  }

  #continuation(flags: number, streamId: number, payload: Buffer): void {
    const endStream = this.#assembly.open?.endStream === true;
    this.#checkMemoryFor(flags, payload);
    const block = this.#assembly.continue(flags, streamId, payload);
    if (block !== undefined) this.#block(block, streamId, endStream);
  }

  /** A block of several frames is kept, so there must be memory for it. */
  #checkMemoryFor(flags: number, payload: Buffer): void {
    if ((flags & FLAG.END_HEADERS) !== 0 || payload.length <= this.#host.memory.fairBytes) return;
    throw new Http2Error("ENHANCE_YOUR_CALM", "no memory for a header block of several frames");
  }

  /** Decodes every block, even for refused streams, because the table must stay in sync. */
  #block(block: Buffer, streamId: number, endStream: boolean): void {
    if (streamId <= this.#opened.last) this.#trailers(block, streamId, endStream);
    else this.#request(block, streamId, endStream);
  }

  #request(block: Buffer, streamId: number, endStream: boolean): void {
    this.#opened.open(streamId);
    const request = this.#decoder.decode(block, "request");
    if (request.malformed !== undefined) {
      this.#host.resetStream(streamId, "PROTOCOL_ERROR");
      return;
    }
    const stream = this.#host.openStream(streamId, request);
    if (endStream) this.#resetFor(stream?.peerEnds(), streamId);
  }

  #trailers(block: Buffer, streamId: number, endStream: boolean): void {
    const { malformed } = this.#decoder.decode(block, "trailers");
    const stream = this.#host.streams.get(streamId);
    if (stream !== undefined) {
      this.#resetFor(malformed === undefined && endStream ? stream.peerEnds() : "PROTOCOL_ERROR", streamId);
      return;
    }
    if (this.#opened.isPassedOver(streamId)) {
      throw new Http2Error("PROTOCOL_ERROR", "the stream number is lower than an earlier one");
    }
    // Trailers of a closed stream may have been in flight; a request cannot.
    if (!endStream || malformed !== undefined) {
      throw new Http2Error("STREAM_CLOSED", "the stream number was used before");
    }
    this.#host.guard.countIdleFrame();
  }

  /** @param fault the stream error, if any */
  #resetFor(fault: Http2ErrorCode | undefined, streamId: number): void {
    if (fault !== undefined) this.#host.resetStream(streamId, fault);
  }

  #priority(streamId: number, payload: Buffer): void {
    if (streamId === 0) throw new Http2Error("PROTOCOL_ERROR", "PRIORITY on stream 0");
    this.#host.guard.countIdleFrame();
    // The RFC makes these stream errors but forbids resetting an idle stream; it allows a
    // connection error.
    if (payload.length !== 5) throw new Http2Error("FRAME_SIZE_ERROR", "the length of PRIORITY is not five");
    if ((payload.readUInt32BE(0) & UINT31_MAX) === streamId) {
      throw new Http2Error("PROTOCOL_ERROR", "a stream depends on itself");
    }
  }

  #reset(streamId: number, payload: Buffer): void {
    if (payload.length !== 4)
      throw new Http2Error("FRAME_SIZE_ERROR", "the length of RST_STREAM is not four");
    this.#checkNotIdle(streamId);
    const stream = this.#host.streams.get(streamId);
    if (stream === undefined) {
      this.#host.guard.countIdleFrame();
      return;
    }
    if (!stream.hasAnswered) this.#host.guard.countReset(this.#host.debtMs);
    stream.cut();
  }

  #settings(flags: number, streamId: number, payload: Buffer): void {
    if (streamId !== 0) throw new Http2Error("PROTOCOL_ERROR", "SETTINGS on a stream");
    this.#host.guard.countSettings();
    if ((flags & FLAG.ACK) !== 0) {
      if (payload.length > 0)
        throw new Http2Error("FRAME_SIZE_ERROR", "an acknowledgement of SETTINGS is not empty");
      return;
    }
    const { settings } = this.#host;
    const before = settings.windowBytes;
    settings.apply(payload);
    const widening = settings.windowBytes - before;
    for (const stream of this.#host.streams.values()) {
      if (widening === 0) break;
      if (!stream.widenSendWindow(widening)) throw tooWide();
    }
    this.#host.control(SETTINGS_ACK);
  }

  #ping(flags: number, streamId: number, payload: Buffer): void {
    if (streamId !== 0) throw new Http2Error("PROTOCOL_ERROR", "PING on a stream");
    if (payload.length !== 8) throw new Http2Error("FRAME_SIZE_ERROR", "the length of PING is not eight");
    this.#host.guard.countPing();
    if ((flags & FLAG.ACK) === 0) this.#host.control(encodePing(payload, FLAG.ACK));
  }

  /** The client opens no more streams, and closes after its answers. */
  #goAway(streamId: number, payload: Buffer): void {
    if (streamId !== 0) throw new Http2Error("PROTOCOL_ERROR", "GOAWAY on a stream");
    if (payload.length < 8) throw new Http2Error("FRAME_SIZE_ERROR", "GOAWAY is shorter than eight bytes");
    this.#host.guard.countIdleFrame();
  }

  #windowUpdate(streamId: number, payload: Buffer): void {
    if (payload.length !== 4)
      throw new Http2Error("FRAME_SIZE_ERROR", "the length of WINDOW_UPDATE is not four");
    this.#host.guard.countIdleFrame();
    const byBytes = payload.readUInt32BE(0) & UINT31_MAX;
    if (streamId === 0) {
      if (byBytes === 0) throw new Http2Error("PROTOCOL_ERROR", "WINDOW_UPDATE has an increment of 0");
      if (!this.#host.widenSendWindow(byBytes)) throw tooWide();
      return;
    }
    this.#checkNotIdle(streamId);
    const stream = this.#host.streams.get(streamId);
    if (byBytes === 0) this.#host.resetStream(streamId, "PROTOCOL_ERROR");
    else if (stream?.widenSendWindow(byBytes) === false)
      this.#host.resetStream(streamId, "FLOW_CONTROL_ERROR");
  }

  #checkNotIdle(streamId: number): void {
    if (streamId === 0 || streamId % 2 === 0 || streamId > this.#opened.last) {
      throw new Http2Error("PROTOCOL_ERROR", "a frame for a stream that was never opened");
    }
  }
}

function refusePush(): never {
  throw new Http2Error("PROTOCOL_ERROR", "a client sent PUSH_PROMISE");
}

function tooWide(): Http2Error {
  return new Http2Error("FLOW_CONTROL_ERROR", "the window exceeds 2^31-1 bytes");
}
