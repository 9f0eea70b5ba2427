/**
 * The streams of one connection thread, in the thread that runs the calls.
 *
 * The other side is relaying-streams.ts.
 */
import type { ClientCertificate } from "../grpc/call.ts";
import type { TakeStream } from "../grpc/call-stream.ts";
import type { CallMemory, ConnectionMemory } from "../http2/call-memory.ts";
import type { HeaderBlock } from "../http2/hpack-decoder.ts";
import { OWN_HOST, RELAY, type RelayMessage, type RelayPort, RelayReader } from "./relay-message.ts";
import { RelayOutbox } from "./relay-outbox.ts";
import { RelayedStream } from "./relayed-stream.ts";
import { NO_SLOT } from "./sent-slots.ts";

interface RelayedConnection {
  readonly memory: ConnectionMemory;
  streams: number;
}

export class RelayedStreams {
  readonly outbox: RelayOutbox;
  readonly #onStream: TakeStream;
  readonly #memory: CallMemory;
  /** Connections with open streams, by their peer. */
  readonly #connections = new Map<string, RelayedConnection>();
  /** By slot; see sent-slots.ts. */
  readonly #requests = new Map<number, HeaderBlock>();
  readonly #certificates = new Map<number, ClientCertificate>();
  /** Of the next stream's connection. */
  #certificate: ClientCertificate | undefined;
  readonly #streams = new Map<number, RelayedStream>();

  constructor(port: RelayPort, onStream: TakeStream, memory: CallMemory) {
    this.outbox = new RelayOutbox(port);
    this.#memory = memory;
    this.#onStream = onStream;
  }

  /** Number of open streams. */
  get size(): number {
    return this.#streams.size;
  }

  /** Handles a message of the connection thread. */
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
        case RELAY.CERTIFICATE:
          this.#certificate = this.#certificateFrom(reader);
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
        case RELAY.CLOSED: {
          const isCut = reader.number() === 1;
          stream?.closed(isCut);
          break;
        }
      }
    }
  }

  /** The thread died, and its connections closed. */
  cutAll(): void {
    for (const stream of this.#streams.values()) stream.closed(true);
  }

  forget(stream: RelayedStream): void {
    this.#streams.delete(stream.id);
    const connection = this.#connections.get(stream.peer);
    if (connection === undefined) return;
    connection.streams -= 1;
    if (connection.streams > 0) return;
    this.#connections.delete(stream.peer);
    connection.memory.close();
  }

  #connectionOf(peer: string): RelayedConnection {
    const known = this.#connections.get(peer);
    if (known !== undefined) return known;
    const made = { memory: this.#memory.open(peer.slice(0, peer.lastIndexOf(":"))), streams: 0 };
    this.#connections.set(peer, made);
    return made;
  }

  #keep(reader: RelayReader): void {
    const slot = reader.number();
    const count = reader.number();
    const sizeBytes = reader.number();
    const isFull = reader.number() === 1;
    const fields = new Map<string, string>();
    for (let i = 0; i < count; i++) fields.set(reader.text(), reader.text());
    this.#requests.set(slot, { fields, sizeBytes, isFull, malformed: undefined });
  }

  #certificateFrom(reader: RelayReader): ClientCertificate | undefined {
    const slot = reader.number();
    const [commonName, ...alternativeNames] = Array.from({ length: reader.number() }, () => reader.text());
    if (commonName !== undefined) {
      this.#certificates.set(slot, { commonName: commonName || undefined, alternativeNames });
    }
    return this.#certificates.get(slot);
  }

  #open(id: number, reader: RelayReader): void {
    const slot = reader.number();
    const request = this.#requests.get(slot)!;
    if (slot === NO_SLOT) this.#requests.delete(slot);
    const peer = reader.text();
    const isFromThisHost = reader.text() === OWN_HOST;
    const connection = this.#connectionOf(peer);
    connection.streams += 1;
    const { memory } = connection;
    const clientCertificate = this.#certificate;
    this.#certificate = undefined;
    const facts = { request, peer, isFromThisHost, clientCertificate, memory };
    const stream = new RelayedStream(id, facts, this);
    this.#streams.set(id, stream);
    this.#onStream(stream, stream);
  }
}
