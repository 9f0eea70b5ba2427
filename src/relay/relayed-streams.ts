/**
 * The streams that one thread relays, in the thread of the calls.
 */
import type { TakeStream } from "../grpc/call-stream.ts";
import type { HeaderBlock } from "../http2/hpack-decoder.ts";
import { NO_PLACE } from "./crossed-requests.ts";
import { OWN_HOST, RELAY, type RelayMessage, type RelayPort, RelayReader } from "./relay-message.ts";
import { RelayOutbox } from "./relay-outbox.ts";
import { RelayedStream } from "./relayed-stream.ts";

export class RelayedStreams {
  readonly outbox: RelayOutbox;
  readonly #onStream: TakeStream;
  /** By place; see crossed-requests.ts. */
  readonly #requests = new Map<number, HeaderBlock>();
  readonly #streams = new Map<number, RelayedStream>();

  constructor(port: RelayPort, onStream: TakeStream) {
    this.outbox = new RelayOutbox(port);
    this.#onStream = onStream;
  }

  /** Streams that are not gone. */
  get size(): number {
    return this.#streams.size;
  }

  /** What the thread of the connections says. */
  receive(message: RelayMessage): void {
    const reader = new RelayReader(message);
    while (!reader.isAtEnd) {
      const kind = reader.number();
      const id = reader.number();
      const stream = this.#streams.get(id);
      switch (kind) {
        case RELAY.REQUEST:
          this.#keep(reader);
          break;
        case RELAY.OPEN:
          this.#open(id, reader);
          break;
        case RELAY.DATA: {
          const bytes = reader.bytes();
          stream?.data(bytes);
          break;
        }
        case RELAY.END:
          stream?.ended();
          break;
        case RELAY.SENT: {
          const sizeBytes = reader.number();
          stream?.sent(sizeBytes);
          break;
        }
        case RELAY.GONE: {
          const isCut = reader.number() === 1;
          stream?.gone(isCut);
          break;
        }
      }
    }
  }

  /** The thread is gone, and its connections with it. */
  cutAll(): void {
    for (const stream of this.#streams.values()) stream.gone(true);
  }

  forget(stream: RelayedStream): void {
    this.#streams.delete(stream.id);
  }

  #keep(reader: RelayReader): void {
    const place = reader.number();
    const count = reader.number();
    const sizeBytes = reader.number();
    const fields = new Map<string, string>();
    for (let i = 0; i < count; i++) fields.set(reader.text(), reader.text());
    this.#requests.set(place, { fields, sizeBytes, malformed: undefined });
  }

  #open(id: number, reader: RelayReader): void {
    const place = reader.number();
    const request = this.#requests.get(place)!;
    if (place === NO_PLACE) this.#requests.delete(place);
    const peer = reader.text();
    const isFromThisHost = reader.text() === OWN_HOST;
    const stream = new RelayedStream(id, { request, peer, isFromThisHost }, this);
    this.#streams.set(id, stream);
    this.#onStream(stream, stream);
  }
}
