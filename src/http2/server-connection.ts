/**
 * One HTTP/2 connection of a server: its socket, its streams, its start and its end.
 *
 * Designed for gRPC: many small calls on few connections, and bodies of gigabytes. A request is not
 * copied; bodies are views both ways, and a small answer is one system call. On a connection error
 * the server sends GOAWAY, closes the socket and cuts every stream.
 * Source: RFC 9113. Not supported: push, priorities (ignored, as allowed), upgrade from HTTP/1.1.
 */
import type { Socket } from "node:net";
import { LIMITS } from "../limits.ts";
import { logFor } from "../log.ts";
import type { LoopTurns, TurnUser } from "../loop-turns.ts";
import type { ConnectionMemory } from "./call-memory.ts";
import { ConnectionGuard, type GuardedConnection } from "./connection-guard.ts";
import {
  encodeGoAway,
  encodePing,
  encodeReset,
  encodeSettings,
  encodeWindowUpdate,
  SETTING,
  UINT31_MAX,
} from "./frame.ts";
import { FrameOutbox } from "./frame-outbox.ts";
import { FrameReader } from "./frame-reader.ts";
import type { HeaderBlock } from "./hpack-decoder.ts";
import { Http2Error, type Http2ErrorCode } from "./http2-error.ts";
import { PeerSettings } from "./peer-settings.ts";
import { type FrameHost, ServerFrames } from "./server-frames.ts";
import { ServerStream, type StreamHost } from "./server-stream.ts";

const log = logFor("grpc");

const DEFAULT_WINDOW_BYTES = 65_535;
/** The peer counts as not reading if its socket accepts nothing for this long, ms. */
const SOCKET_PATIENCE_MS = 50;
const PING_BYTES = Buffer.from("keepaliv", "latin1");
/** Announces that our dynamic header table is empty, as it always is (RFC 7541, 6.3). */
const EMPTY_TABLE_UPDATE = Buffer.from([0x20]);

const OUR_SETTINGS = encodeSettings([
  [SETTING.MAX_CONCURRENT_STREAMS, LIMITS.streamsPerSessionMax],
  [SETTING.INITIAL_WINDOW_SIZE, LIMITS.streamWindowBytes],
  [SETTING.MAX_HEADER_LIST_SIZE, LIMITS.callMetadataBytesMax],
]);

export interface ServerConnectionOptions {
  /** TCP, or TLS on it. */
  readonly socket: Socket;
  /** The account of the connection, which closes it. */
  readonly memory: ConnectionMemory;
  /** Shared by the connections of this thread. */
  readonly turns: LoopTurns;
  /** Called for each request. The callee must set its listener synchronously. */
  readonly onStream: (stream: ServerStream) => void;
  /** Called when the first call begins and when the last one ends. */
  readonly onBusy: (isBusy: boolean) => void;
  /** Called when the socket has closed. */
  readonly onClosed: () => void;
}

export class ServerConnection implements StreamHost, FrameHost, GuardedConnection, TurnUser {
  readonly guard: ConnectionGuard;
  readonly memory: ConnectionMemory;
  debtMs = 0;
  usedMs = 0;
  usedAtMs = performance.now();
  sliceMs: number = LIMITS.connectionSliceMs;
  readonly settings = new PeerSettings();
  readonly streams = new Map<number, ServerStream>();
  readonly #socket: Socket;
  readonly #outbox: FrameOutbox;
  readonly #reader: FrameReader;
  readonly #frames: ServerFrames;
  readonly #onStream: (stream: ServerStream) => void;
  readonly #onBusy: (isBusy: boolean) => void;
  #receiveWindow = DEFAULT_WINDOW_BYTES;
  #uncredited = 0;
  readonly #turns: LoopTurns;
  /** Received chunks that wait for a turn. */
  #waiting: Buffer[] = [];
  /** Charged bytes of incomplete frames and header blocks. */
  #midwayBytes = 0;
  /** Start of the oldest incomplete one, on the clock of `performance.now`; 0 if there is none. */
  #midwaySinceMs = 0;
  /** Streams with a framed answer that the operating system does not have yet. */
  #framedStreams = 0;
  #isOver = false;
  #isDraining = false;

  constructor(options: ServerConnectionOptions) {
    const { socket, memory, turns, onStream, onBusy, onClosed } = options;
    this.#socket = socket;
    this.memory = memory;
    this.#turns = turns;
    this.#onStream = onStream;
    this.#onBusy = onBusy;
    this.#outbox = new FrameOutbox(socket, (bytes) => memory.add(bytes));
    this.#frames = new ServerFrames(this);
    this.#reader = new FrameReader(this.#frames);
    this.guard = new ConnectionGuard(this, socket, () => this.#reader.hasBegun);
    socket.on("data", (chunk: Buffer) => this.#take(chunk));
    socket.on("error", (error) => log.debug("connection broken", { error }));
    socket.once("close", () => {
      this.#isOver = true;
      this.#waiting = [];
      turns.forget(this);
      this.guard.stop();
      this.#outbox.close();
      this.#cutAll();
      memory.close();
      onClosed();
    });
    this.control(OUR_SETTINGS);
    this.#credit(LIMITS.sessionWindowBytes - DEFAULT_WINDOW_BYTES);
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  get frameBytesMax(): number {
    return this.settings.frameBytesMax;
  }

  /** Accepts no new streams, and closes when the open ones have ended. */
  drain(): void {
    if (this.#isDraining || this.#isOver) return;
    this.#isDraining = true;
    this.control(encodeGoAway(this.#frames.lastStreamId, "NO_ERROR", ""));
    this.#endWhenIdle();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  ping(): void {
    this.control(encodePing(PING_BYTES, 0));
  }

  #take(chunk: Buffer): void {
    if (this.#isOver) return;
    const untilMs = this.#waiting.length > 0 ? 0 : this.#turns.begin(this, chunk.length);
    const read = untilMs === 0 ? 0 : this.#read(chunk, untilMs);
    if (read < chunk.length) this.#postpone(read === 0 ? chunk : chunk.subarray(read));
    else if (this.memory.all.overdrawnBytes > 0) this.#readOrHoldUp();
  }

  /** @returns the number of bytes read; all of them if the connection is over. */
  #read(chunk: Buffer, untilMs: number): number {
    let read = chunk.length;
    try {
      read = this.#reader.push(chunk, untilMs);
    } catch (error) {
      this.#fail(error);
    }
    this.#chargeMidway();
    return read;
  }

  /** Keeps the rest for a later turn, and pauses the socket until then. */
  #postpone(rest: Buffer): void {
    this.#waiting.push(rest);
    this.memory.arrived(rest.length);
    this.#socket.pause();
    this.#turns.wait(this);
  }

  runSlice(untilMs: number): void {
    while (this.#waiting.length > 0 && !this.#isOver) {
      const chunk = this.#waiting[0]!;
      const read = this.#read(chunk, untilMs);
      this.memory.arrived(-read);
      if (read < chunk.length) {
        this.#waiting[0] = chunk.subarray(read);
        this.#turns.wait(this);
        return;
      }
      this.#waiting.shift();
    }
    this.#readOrHoldUp();
  }

  /** Stops reading a connection that holds much memory while there is no more. */
  #readOrHoldUp(): void {
    if (this.#isOver || this.#waiting.length > 0) return;
    if (this.memory.isOverdrawn) {
      this.#socket.pause();
      this.memory.all.holdUp(this.#resumeReading);
    } else if (this.#socket.isPaused()) this.#socket.resume();
  }

  readonly #resumeReading = (): void => this.#readOrHoldUp();

  #chargeMidway(): void {
    const bytes = this.#reader.heldBytes + this.#frames.heldBytes;
    if (bytes === this.#midwayBytes && bytes === 0) return;
    this.memory.arrived(bytes - this.#midwayBytes);
    if (this.#midwaySinceMs === 0) this.#midwaySinceMs = performance.now();
    if (bytes === 0) this.#midwaySinceMs = 0;
    this.#midwayBytes = bytes;
  }

  /** Called periodically. Ends a stalled connection. */
  sweep(nowMs: number): void {
    if (this.#isOver) return;
    if (this.#midwaySinceMs > 0 && nowMs - this.#midwaySinceMs > LIMITS.headerTimeoutMs) {
      this.#fail(new Http2Error("ENHANCE_YOUR_CALM", "a frame or header block was not completed in time"));
    } else if (
      this.#outbox.stuckMs > LIMITS.stalledCallMs &&
      this.memory.all.shortage(nowMs)?.(this.memory) === true
    ) {
      log.warn("connection closed: its peer does not read while other calls wait for memory");
      this.destroy();
    }
  }

  #fail(error: unknown): void {
    const isFault = error instanceof Http2Error;
    const code = isFault ? error.code : "INTERNAL_ERROR";
    if (!isFault) log.error("connection failed by an internal error", { error });
    else if (code === "ENHANCE_YOUR_CALM") log.warn("connection closed", { reason: error.message });
    else log.debug("connection closed", { code, reason: error.message });
    this.control(encodeGoAway(this.#frames.lastStreamId, code, isFault ? error.message : ""));
    this.#isOver = true;
    this.#cutAll();
    if (code === "ENHANCE_YOUR_CALM") this.#endAtOnce();
    else this.#end();
  }

  #cutAll(): void {
    for (const stream of this.streams.values()) stream.cut();
  }

  /** Stop reading from an abusive peer; do not wait for its FIN. */
  #endAtOnce(): void {
    this.#socket.pause();
    this.#outbox.whenEmpty(() => this.#socket.destroySoon());
    this.#destroyLater();
  }

  /** Sends the queue, closes our side, and waits only briefly for the peer's FIN. */
  #end(): void {
    this.#outbox.whenEmpty(() => this.#socket.end());
    this.#destroyLater();
  }

  #destroyLater(): void {
    const timer = setTimeout(() => this.destroy(), LIMITS.closeGraceMs).unref();
    this.#socket.once("close", () => clearTimeout(timer));
  }

  #endWhenIdle(): void {
    if (this.#isDraining && !this.#isOver && this.streams.size === 0) this.#end();
  }

  // Called by the frames.

  received(sizeBytes: number): void {
    this.#receiveWindow -= sizeBytes;
    if (this.#receiveWindow < 0) {
      throw new Http2Error("FLOW_CONTROL_ERROR", "the peer exceeded the connection's window");
    }
  }

  widenSendWindow(byBytes: number): boolean {
    this.#outbox.windowBytes += byBytes;
    this.#outbox.windowOpened();
    return this.#outbox.windowBytes <= UINT31_MAX;
  }

  openStream(id: number, request: HeaderBlock): ServerStream | undefined {
    if (this.#isDraining || this.streams.size - this.#framedStreams >= LIMITS.streamsPerSessionMax) {
      return this.#refuse(id, "REFUSED_STREAM");
    }
    if (this.memory.admission === "no") {
      this.memory.all.onRefused?.();
      return this.#refuse(id, "REFUSED_STREAM");
    }
    const stream = new ServerStream(this, id, request, this.settings.windowBytes);
    this.streams.set(id, stream);
    if (this.streams.size === 1) this.#onBusy(true);
    this.#onStream(stream);
    return stream;
  }

  /** Refuses a stream that was not processed. */
  #refuse(id: number, code: Http2ErrorCode): undefined {
    this.guard.countIdleFrame();
    this.control(encodeReset(id, code));
  }

  resetStream(id: number, code: Http2ErrorCode): void {
    this.guard.countReset(this.debtMs);
    const stream = this.streams.get(id);
    if (stream === undefined) this.control(encodeReset(id, code));
    else stream.reset(code);
  }

  // Called by the streams.

  control(frame: Uint8Array): void {
    this.#outbox.control(frame);
    if (this.#outbox.controlBytes > LIMITS.controlQueueBytesMax) this.destroy();
  }

  wantsToSend(stream: ServerStream): void {
    this.#outbox.add(stream);
  }

  credit(sizeBytes: number): void {
    this.#uncredited += sizeBytes;
    if (this.#uncredited < LIMITS.sessionWindowBytes / 4) return;
    this.#credit(this.#uncredited);
    this.#uncredited = 0;
  }

  #credit(sizeBytes: number): void {
    this.#receiveWindow += sizeBytes;
    this.control(encodeWindowUpdate(0, sizeBytes));
  }

  queued(sizeBytes: number): void {
    this.memory.add(sizeBytes);
  }

  get openBytes(): number {
    return this.#outbox.stuckMs > SOCKET_PATIENCE_MS ? 0 : this.#outbox.windowBytes;
  }

  takeTableUpdate(): Uint8Array | undefined {
    if (!this.settings.isTableUpdateDue) return undefined;
    this.settings.isTableUpdateDue = false;
    return EMPTY_TABLE_UPDATE;
  }

  answered(): void {
    this.#framedStreams += 1;
  }

  forget(stream: ServerStream): void {
    this.streams.delete(stream.id);
    if (stream.isAnswerFramed) this.#framedStreams -= 1;
    else this.#outbox.remove(stream);
    if (this.streams.size === 0) this.#onBusy(false);
    this.#endWhenIdle();
  }
}
