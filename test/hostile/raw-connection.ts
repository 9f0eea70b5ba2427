/**
 * An attacker's HTTP/2 connection: sends what it is told, keeps to the server's windows where it wants to, and keeps nothing of what
 * comes but counts. It may come from any loopback address, so that it can be many peers.
 *
 * Beside test/support/attack.ts, which keeps all frames and ends with a test: attacks are programs, and their peak is not to be ours.
 */
import { connect, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import * as h2 from "../support/http2-frames.ts";
import type { AttackRun, Target } from "./attack-run.ts";

const FRAME_BYTES_MAX = 16_384;
const SENT_AT_ONCE = 16 * FRAME_BYTES_MAX;
const DEFAULT_WINDOW = 65_535;
const INITIAL_WINDOW = 4;
const { FRAME } = h2;

export interface RawOptions {
  /** The source address; 127.0.0.2 unless it is told otherwise. */
  readonly from?: string;
  readonly settings?: readonly h2.Setting[];
  /** Says nothing at all, not even the preface. */
  readonly isSilent?: boolean;
  /** Skips TLS also where the server speaks it. */
  readonly isPlain?: boolean;
}

export class RawConnection {
  readonly socket: Socket;
  /** Frames that came, by type. */
  readonly came: number[] = Array.from({ length: 10 }, () => 0);
  /** Streams whose end came. */
  readonly ended = new Set<number>();
  goawayCode: number | undefined;
  readonly #openedMs = performance.now();
  #rest: Buffer = Buffer.alloc(0);
  #connectionWindow = DEFAULT_WINDOW;
  #initialWindow = DEFAULT_WINDOW;
  /** How far each stream's window is from the initial one. */
  readonly #windows = new Map<number, number>();
  #onChange: (() => void)[] = [];

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on("error", () => undefined);
    socket.on("data", (chunk: Buffer) => this.#take(chunk));
    socket.on("close", () => this.#changed());
    socket.on("drain", () => this.#changed());
  }

  get isClosed(): boolean {
    return this.socket.destroyed || this.socket.readableEnded;
  }

  get ageSeconds(): number {
    return (performance.now() - this.#openedMs) / 1000;
  }

  /** Sends and waits while the socket is full; false once the connection is closed. */
  async send(...parts: readonly Uint8Array[]): Promise<boolean> {
    if (this.isClosed) return false;
    this.socket.write(parts.length === 1 ? parts[0]! : Buffer.concat(parts));
    while (this.socket.writableNeedDrain && !this.isClosed) await this.#change();
    return !this.isClosed;
  }

  /** Begins a call and sends messages of it as far as windows let it. */
  async call(stream: number, path: string, body: Uint8Array = Buffer.alloc(0), flags = 0): Promise<boolean> {
    if (!(await this.send(h2.callHeaders(stream, path)))) return false;
    return body.length === 0 && flags === 0 ? true : this.sendData(stream, body, flags);
  }

  /** DATA within the server's windows; false when the connection or the stream was closed before all was sent. */
  async sendData(stream: number, bytes: Uint8Array, flags = 0): Promise<boolean> {
    let position = 0;
    do {
      const sizeBytes = await this.takeWindow(stream, Math.min(SENT_AT_ONCE, bytes.length - position));
      if (sizeBytes === undefined) return false;
      const isLast = position + sizeBytes === bytes.length;
      const piece = bytes.subarray(position, position + sizeBytes);
      if (!(await this.send(...dataFrames(stream, piece, isLast ? flags : 0)))) return false;
      position += sizeBytes;
    } while (position < bytes.length);
    return true;
  }

  /** Waits until the windows have room and takes up to `most` of it; undefined when the stream is at its end. */
  async takeWindow(stream: number, most: number): Promise<number | undefined> {
    for (;;) {
      if (this.isClosed || this.ended.has(stream)) return undefined;
      const used = this.#windows.get(stream) ?? 0;
      const room = Math.min(this.#connectionWindow, this.#initialWindow + used, most);
      if (most === 0) return 0;
      if (room > 0) {
        this.#connectionWindow -= room;
        this.#windows.set(stream, used - room);
        return room;
      }
      await this.#change();
    }
  }

  #change(): Promise<void> {
    return new Promise((resolve) => void this.#onChange.push(resolve));
  }

  #changed(): void {
    const waiting = this.#onChange;
    this.#onChange = [];
    for (const each of waiting) each();
  }

  #take(chunk: Buffer): void {
    const { frames, rest } = h2.splitFrames(
      this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]),
    );
    this.#rest = Buffer.from(rest);
    for (const frame of frames) this.#takeFrame(frame);
    this.#changed();
  }

  #takeFrame({ type, flags, stream, payload }: h2.Frame): void {
    this.came[type] = (this.came[type] ?? 0) + 1;
    const endsStream = (type === FRAME.data || type === FRAME.headers) && (flags & h2.END_STREAM) !== 0;
    if (endsStream || type === FRAME.reset) this.ended.add(stream);
    if (type === FRAME.goaway) this.goawayCode = payload.readUInt32BE(4);
    if (type === FRAME.settings && (flags & h2.ACK) === 0) this.#takeSettings(payload);
    if (type !== FRAME.windowUpdate) return;
    const increment = payload.readUInt32BE(0);
    if (stream === 0) this.#connectionWindow += increment;
    else this.#windows.set(stream, (this.#windows.get(stream) ?? 0) + increment);
  }

  #takeSettings(payload: Buffer): void {
    for (let at = 0; at + 6 <= payload.length; at += 6) {
      if (payload.readUInt16BE(at) === INITIAL_WINDOW) this.#initialWindow = payload.readUInt32BE(at + 2);
    }
    if (!this.isClosed) this.socket.write(h2.frame(FRAME.settings, h2.ACK, 0));
  }
}

/** @param flags of the last frame */
function dataFrames(stream: number, bytes: Uint8Array, flags: number): Buffer[] {
  const count = Math.max(1, Math.ceil(bytes.length / FRAME_BYTES_MAX));
  return Array.from({ length: count }, (_, i) => {
    const piece = bytes.subarray(i * FRAME_BYTES_MAX, (i + 1) * FRAME_BYTES_MAX);
    return h2.frame(FRAME.data, i === count - 1 ? flags : 0, stream, piece);
  });
}

/** Says so when some are open that the server should have closed at this age. */
export function complainOfOpen(
  run: AttackRun,
  connections: readonly RawConnection[],
  closedAtSeconds: number,
): void {
  const old = connections.filter(({ ageSeconds }) => ageSeconds > closedAtSeconds);
  const open = old.filter(({ isClosed }) => !isClosed).length;
  if (open > 0)
    run.complain(`${open} of ${old.length} connections are open ${closedAtSeconds} s after they came`);
}

/** One of many peers. */
export function peerAddress(number: number): string {
  return `127.0.${1 + Math.floor(number / 250)}.${1 + (number % 250)}`;
}

/** Dials; undefined when nobody lets it in. */
export async function openRaw(target: Target, options: RawOptions = {}): Promise<RawConnection | undefined> {
  const { from = "127.0.0.2", settings = [], isSilent = false, isPlain = false } = options;
  const place = { host: target.host, port: target.port, localAddress: from, noDelay: true };
  const isTls = target.certificate !== undefined && !isPlain;
  const socket = isTls
    ? connectTls({ ...place, rejectUnauthorized: false, ALPNProtocols: ["h2"] } as object)
    : connect(place);
  const connection = new RawConnection(socket);
  const isOpen = await new Promise<boolean>((resolve) => {
    socket.once(isTls ? "secureConnect" : "connect", () => resolve(true)).once("close", () => resolve(false));
  });
  if (!isOpen) return undefined;
  if (!isSilent) await connection.send(h2.PREFACE, h2.settings(...settings));
  return connection;
}

/** Many at once, those that were let in; `optionsOf` gets the number of each. */
export async function openMany(
  target: Target,
  count: number,
  optionsOf: (number: number) => RawOptions = () => ({}),
): Promise<RawConnection[]> {
  const opened: RawConnection[] = [];
  let next = 0;
  const dial = async (): Promise<void> => {
    while (next < count) {
      const connection = await openRaw(target, optionsOf(next++));
      if (connection !== undefined) opened.push(connection);
    }
  };
  await Promise.all(Array.from({ length: 64 }, dial));
  return opened;
}
