/**
 * The streams of a connection thread: forwards requests to the thread of the calls, and sends its
 * answers.
 *
 * Nothing queues here. A stream whose request is not consumed fast enough is paused, so that its
 * peer's window closes; answers go to the stream at once, and the thread of the calls is notified
 * of what was sent.
 */
import type { ClientCertificate } from "../grpc/call.ts";
import type { CallConnection, CallStream, TakeStream } from "../grpc/call-stream.ts";
import type { HeaderBlock } from "../http2/hpack-decoder.ts";
import type { Http2ErrorCode } from "../http2/http2-error.ts";
import type { StreamListener } from "../http2/server-stream.ts";
import { LIMITS } from "../limits.ts";
import { OWN_HOST, RELAY, type RelayMessage, type RelayPort, RelayReader } from "./relay-message.ts";
import { RelayOutbox } from "./relay-outbox.ts";
import { NO_SLOT, SentSlots } from "./sent-slots.ts";

export class RelayingStreams {
  readonly #outbox: RelayOutbox;
  readonly #requests = new SentSlots<HeaderBlock>(LIMITS.relayedHeaderBlocksMax);
  readonly #certificates = new SentSlots<ClientCertificate>(LIMITS.relayedCertificatesMax);
  readonly #streams = new Map<number, RelayingStream>();
  /** Streams with sent bytes that are not reported yet. */
  readonly #sending = new Set<RelayingStream>();
  #lastId = 0;

  constructor(port: RelayPort) {
    this.#outbox = new RelayOutbox(port, () => this.#reportSent());
  }

  /** Number of open streams. */
  get size(): number {
    return this.#streams.size;
  }

  readonly take: TakeStream = (stream, connection) => {
    this.#lastId += 1;
    const id = this.#lastId;
    const outbox = this.#outbox;
    const slot = this.#requests.slotOf(stream.request) ?? this.#sendRequest(id, stream.request);
    const { clientCertificate } = connection;
    if (clientCertificate !== undefined) this.#sendCertificate(id, clientCertificate);
    outbox.event(RELAY.OPEN, id);
    outbox.number(slot);
    outbox.text(connection.peer);
    outbox.text(connection.isFromThisHost ? OWN_HOST : "");
    const relaying = new RelayingStream(id, stream, {
      outbox,
      connection,
      onSent: (sender) => this.#scheduleReport(sender),
      onClosed: (closed) => this.#forget(closed),
    });
    this.#streams.set(id, relaying);
    stream.listen(relaying);
  };

  #sendRequest(id: number, request: HeaderBlock): number {
    const { fields, sizeBytes, isFull } = request;
    const isKept = sizeBytes <= LIMITS.rememberedHeaderBlockBytesMax;
    const slot = isKept ? this.#requests.keep(request) : NO_SLOT;
    this.#outbox.event(RELAY.REQUEST, id);
    this.#outbox.number(slot);
    this.#outbox.number(fields.size);
    this.#outbox.number(sizeBytes);
    this.#outbox.number(isFull ? 1 : 0);
    for (const [name, value] of fields) {
      this.#outbox.text(name);
      this.#outbox.text(value);
    }
    return slot;
  }

  #sendCertificate(id: number, certificate: ClientCertificate): void {
    const { commonName = "", alternativeNames } = certificate;
    const known = this.#certificates.slotOf(certificate);
    const texts = known === undefined ? [commonName, ...alternativeNames] : [];
    this.#outbox.event(RELAY.CERTIFICATE, id);
    this.#outbox.number(known ?? this.#certificates.keep(certificate));
    this.#outbox.number(texts.length);
    for (const text of texts) this.#outbox.text(text);
  }

  /** Handles a message of the thread of the calls. */
  receive(message: RelayMessage): void {
    const reader = new RelayReader(message);
    while (!reader.isAtEnd) {
      const kind = reader.number();
      const stream = this.#streams.get(reader.number());
      switch (kind) {
        case RELAY.HEAD: {
          const block = reader.bytes();
          stream?.head(block);
          break;
        }
        case RELAY.WRITE: {
          const messages = reader.number();
          const bytes = reader.bytes();
          stream?.write(bytes, messages);
          break;
        }
        case RELAY.FINISH: {
          const block = reader.bytes();
          stream?.finish(block);
          break;
        }
        case RELAY.RESET: {
          const code = reader.text() as Http2ErrorCode;
          stream?.reset(code);
          break;
        }
        case RELAY.READ: {
          const consumed = reader.number();
          stream?.consumed(consumed);
          break;
        }
      }
    }
  }

  #scheduleReport(stream: RelayingStream): void {
    this.#sending.add(stream);
    this.#outbox.schedule();
  }

  #reportSent(): void {
    for (const stream of this.#sending) stream.reportSent();
    this.#sending.clear();
  }

  #forget(stream: RelayingStream): void {
    this.#streams.delete(stream.id);
    this.#sending.delete(stream);
  }
}

interface RelayingHost {
  readonly outbox: RelayOutbox;
  readonly connection: CallConnection;
  readonly onSent: (stream: RelayingStream) => void;
  readonly onClosed: (stream: RelayingStream) => void;
}

class RelayingStream implements StreamListener {
  readonly id: number;
  readonly #stream: CallStream;
  readonly #host: RelayingHost;
  /** Bytes of the request that were sent to the other thread and are not consumed yet. */
  #unconsumedBytes = 0;
  #isPaused = false;
  /** Sent bytes of the answer that are not reported yet. */
  #unreportedBytes = 0;

  constructor(id: number, stream: CallStream, host: RelayingHost) {
    this.id = id;
    this.#stream = stream;
    this.#host = host;
  }

  push(view: Buffer): void {
    this.#host.outbox.event(RELAY.DATA, this.id);
    this.#host.outbox.bytes(view);
    this.#unconsumedBytes += view.length;
    if (this.#isPaused || this.#unconsumedBytes <= LIMITS.relayWindowBytes) return;
    this.#isPaused = true;
    this.#stream.pause();
  }

  ended(): void {
    this.#host.outbox.event(RELAY.END, this.id);
  }

  closed(isCut: boolean): void {
    // The call has an account in the other thread; this one is of the connection here.
    this.#stream.account.close();
    this.#host.onClosed(this);
    this.#host.outbox.event(RELAY.CLOSED, this.id);
    this.#host.outbox.number(isCut ? 1 : 0);
  }

  consumed(sizeBytes: number): void {
    this.#unconsumedBytes -= sizeBytes;
    if (!this.#isPaused || this.#unconsumedBytes > LIMITS.relayWindowBytes / 2) return;
    this.#isPaused = false;
    this.#stream.resume();
  }

  head(block: Uint8Array): void {
    this.#stream.sendHeaders(block, { endStream: false });
  }

  write(view: Uint8Array, messages: number): void {
    for (let i = 0; i < messages; i++) this.#host.connection.countMessage();
    this.#stream.write(view, () => {
      this.#unreportedBytes += view.length;
      this.#host.onSent(this);
    });
  }

  finish(block: Uint8Array): void {
    this.#stream.end(block);
  }

  reset(code: Http2ErrorCode): void {
    this.#stream.reset(code);
  }

  reportSent(): void {
    this.#host.outbox.event(RELAY.SENT, this.id);
    this.#host.outbox.number(this.#unreportedBytes);
    this.#unreportedBytes = 0;
  }
}
