/**
 * Both sides of a relay in one thread: messages wait until a test delivers them, in order, as between threads.
 *
 * One stream: a peer that sends what its window allows and a system that takes the answer when it is told to on one side, a
 * call that reads and writes on the other. Bytes are those of one long pattern, so that any that is lost, doubled or moved shows.
 */
import { setImmediate } from "node:timers/promises";
import { expect } from "vitest";
import type { ClientCertificate } from "../../../src/grpc/call.ts";
import type { CallStream, TakeStream } from "../../../src/grpc/call-stream.ts";
import { CallAccount } from "../../../src/http2/call-account.ts";
import { CallMemory } from "../../../src/http2/call-memory.ts";
import type { HeaderBlock } from "../../../src/http2/hpack-decoder.ts";
import type { StreamListener } from "../../../src/http2/server-stream.ts";
import type { RelayMessage, RelayPort } from "../../../src/relay/relay-message.ts";
import { RelayedStreams } from "../../../src/relay/relayed-streams.ts";
import { RelayingStreams } from "../../../src/relay/relaying-streams.ts";

export const REQUEST = {
  fields: new Map([
    [":method", "POST"],
    [":path", "/test.Echo/Bidi"],
    ["x-name", "a value"],
  ]),
  sizeBytes: 123,
  isFull: false,
  malformed: undefined,
};

/** `length` bytes of the pattern from `position` on. */
export function pattern(position: number, length: number): Buffer {
  return Buffer.from(Array.from({ length }, (_, i) => ((position + i) * 31 + ((position + i) >> 8)) & 0xff));
}

/** Messages on their way. They move as between threads: the sender's bytes are gone. */
class SlowPort implements RelayPort {
  readonly waiting: RelayMessage[] = [];

  postMessage(message: RelayMessage, transferred: readonly ArrayBuffer[]): void {
    this.waiting.push(structuredClone(message, { transfer: [...transferred] }));
  }

  /** Delivers the oldest message, if there is one. */
  deliverTo(side: { receive(message: RelayMessage): void }): void {
    const message = this.waiting.shift();
    if (message !== undefined) side.receive(message);
  }
}

/** The stream of the connection: what its peer and the operating system do is asked for by the test. */
export class PeerStream implements CallStream {
  readonly request: HeaderBlock;
  readonly account = new CallAccount(new CallMemory().open("127.0.0.1"));
  readonly openBytes = Number.POSITIVE_INFINITY;
  readonly receivedBytes = 0;
  readonly sentBytes = 0;
  readonly windowBytes: number;
  /** What may still be sent while the stream is paused. */
  #window: number;
  isPaused = false;
  #listener: StreamListener | undefined;
  sentRequestBytes = 0;
  /** Of the answer, in order. */
  head = "";
  readonly written: Uint8Array[] = [];
  #unsent: { readonly sizeBytes: number; readonly onSent: (() => void) | undefined }[] = [];
  writableLength = 0;
  tail: string | undefined;
  resetCode: string | undefined;
  isClosed = false;
  hasPeerEnded = false;

  constructor(windowBytes: number, request: HeaderBlock = REQUEST) {
    this.request = request;
    this.windowBytes = windowBytes;
    this.#window = windowBytes;
  }

  listen(listener: StreamListener): void {
    this.#listener = listener;
  }

  /** Sends up to so many bytes, as the window allows. */
  send(length: number): void {
    const allowed = this.isClosed || this.hasPeerEnded ? 0 : Math.min(length, this.#window);
    if (allowed === 0) return;
    const bytes = pattern(this.sentRequestBytes, allowed);
    this.sentRequestBytes += allowed;
    this.#listener?.push(bytes);
    if (this.isPaused) this.#window -= allowed;
  }

  halfClose(): void {
    if (this.isClosed || this.hasPeerEnded) return;
    this.hasPeerEnded = true;
    this.#listener?.ended();
  }

  /** The peer resets it, or its connection is gone. */
  cut(): void {
    this.#go(true);
  }

  /** The operating system takes what was written first. */
  sendSome(): void {
    const sent = this.#unsent.shift();
    if (sent === undefined) {
      if (this.tail !== undefined) this.#go(false);
      return;
    }
    this.writableLength -= sent.sizeBytes;
    sent.onSent?.();
  }

  pause(): void {
    this.isPaused = true;
    this.#window = this.windowBytes;
  }

  resume(): void {
    this.isPaused = false;
    this.#window = this.windowBytes;
  }

  write(view: Uint8Array, onSent?: () => void): void {
    if (this.isClosed) return;
    this.written.push(Buffer.from(view));
    this.writableLength += view.length;
    this.#unsent.push({ sizeBytes: view.length, onSent });
  }

  cork(): void {}

  uncork(): void {}

  sendHeaders(block: Uint8Array): void {
    this.head += Buffer.from(block).toString();
  }

  end(block: Uint8Array): void {
    if (!this.isClosed) this.tail = Buffer.from(block).toString();
  }

  reset(code: string): void {
    this.resetCode = code;
    this.#go(true);
  }

  #go(isCut: boolean): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.#unsent = [];
    this.#listener?.closed(isCut);
  }
}

/** What the call has got. */
export class HeardCall implements StreamListener {
  readonly chunks: Buffer[] = [];
  gotBytes = 0;
  ends = 0;
  readonly gones: boolean[] = [];

  push(view: Buffer): void {
    expect(this.gones).toEqual([]);
    this.gotBytes += view.length;
    this.chunks.push(view);
  }

  ended(): void {
    this.ends += 1;
  }

  closed(isCut: boolean): void {
    this.gones.push(isCut);
  }
}

export class RelayPair {
  readonly #toCalls = new SlowPort();
  readonly #toConnections = new SlowPort();
  readonly connections = new RelayingStreams(this.#toCalls);
  readonly calls: RelayedStreams;
  /** The other side of each stream, in the order in which they came. */
  readonly opened: (CallStream & { readonly peer: string; readonly isFromThisHost: boolean })[] = [];
  readonly heard: HeardCall[] = [];
  readonly certificates: (ClientCertificate | undefined)[] = [];
  countedMessages = 0;

  constructor() {
    const onStream: TakeStream = (stream, { peer, isFromThisHost, clientCertificate }) => {
      const call = new HeardCall();
      stream.listen(call);
      this.opened.push(Object.assign(stream, { peer, isFromThisHost }));
      this.heard.push(call);
      this.certificates.push(clientCertificate);
    };
    this.calls = new RelayedStreams(this.#toConnections, onStream, new CallMemory());
  }

  open(stream: PeerStream, clientCertificate?: ClientCertificate): void {
    this.connections.take(stream, {
      peer: "ipv4:127.0.0.1:5123",
      isFromThisHost: true,
      clientCertificate,
      countMessage: () => {
        this.countedMessages += 1;
      },
    });
  }

  /** Texts that are on their way to the calls. */
  get crossingTexts(): readonly string[] {
    return this.#toCalls.waiting.flatMap(([, texts]) => texts);
  }

  deliverToCalls(): void {
    this.#toCalls.deliverTo(this.calls);
  }

  deliverToConnections(): void {
    this.#toConnections.deliverTo(this.connections);
  }

  /** Ends this turn: what happened in it leaves. */
  async turn(): Promise<void> {
    await setImmediate();
  }

  /** Until nothing is on its way any more. */
  async deliverAll(): Promise<void> {
    do {
      while (this.#toCalls.waiting.length + this.#toConnections.waiting.length > 0) {
        this.deliverToCalls();
        this.deliverToConnections();
      }
      await this.turn();
    } while (this.#toCalls.waiting.length + this.#toConnections.waiting.length > 0);
  }
}
