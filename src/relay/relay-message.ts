/**
 * The messages between a connection thread and the thread that runs the calls.
 *
 * One message contains all events of one turn of the event loop, because a message costs as much as
 * a few dozen events. An event consists of its kind, the stream number, and the numbers below.
 * Texts and bytes are separate, in the order of the events.
 *
 *     connections -> calls
 *       OPEN      slot; texts: peer, OWN_HOST or ""; the request is the block kept in this slot
 *       REQUEST   slot or NO_SLOT, fields, sizeBytes, 1 if full; texts: name and value of each
 *                 field. The next OPEN uses it, and the receiver keeps it
 *       CERTIFICATE  slot, number of texts; texts: common name or "", alternative names. The client
 *                 certificate of the next OPEN's connection; without texts the one kept in this
 *                 slot. Never sent for a connection without a client certificate
 *       DATA      lengthBytes; bytes of the request
 *       END       the peer has half-closed
 *       SENT      lengthBytes: the operating system has this much more of the answer
 *       CLOSED    1 if it was cut, 0 if all of the answer is sent: the stream's last event
 *     calls -> connections
 *       HEAD      lengthBytes; a header block that begins the answer
 *       WRITE     messages that begin in these bytes, lengthBytes; bytes of the answer
 *       FINISH    lengthBytes; a header block that ends the answer
 *       RESET     text: the code
 *       READ      lengthBytes: this much more of the request was consumed
 *
 * Events of closed streams are ignored: both sides may end a stream at the same time.
 */
export const RELAY = {
  OPEN: 1,
  DATA: 2,
  END: 3,
  SENT: 4,
  CLOSED: 5,
  HEAD: 6,
  WRITE: 7,
  FINISH: 8,
  RESET: 9,
  READ: 10,
  REQUEST: 11,
  CERTIFICATE: 12,
} as const;

export type RelayEvent = (typeof RELAY)[keyof typeof RELAY];

/** In OPEN: the peer is a process of this host. */
export const OWN_HOST = "own host";

/** The bytes are transferred, not copied: the sender loses them. */
export type RelayMessage = readonly [
  numbers: readonly number[],
  texts: readonly string[],
  bytes: ArrayBuffer | undefined,
];

/** Where messages are posted: a worker, or the port to its host. */
export interface RelayPort {
  postMessage(message: RelayMessage, transferred: readonly ArrayBuffer[]): void;
}

/** Reads the parts of a message in the order in which they were written. */
export class RelayReader {
  readonly #numbers: readonly number[];
  readonly #texts: readonly string[];
  readonly #bytes: Buffer | undefined;
  #nextNumber = 0;
  #nextText = 0;
  #nextByte = 0;

  constructor([numbers, texts, bytes]: RelayMessage) {
    this.#numbers = numbers;
    this.#texts = texts;
    this.#bytes = bytes && Buffer.from(bytes);
  }

  get isAtEnd(): boolean {
    return this.#nextNumber === this.#numbers.length;
  }

  number(): number {
    return this.#numbers[this.#nextNumber++]!;
  }

  text(): string {
    return this.#texts[this.#nextText++]!;
  }

  /** Reads a length, and returns this many bytes: a view of the message. */
  bytes(): Buffer {
    const from = this.#nextByte;
    this.#nextByte += this.number();
    return this.#bytes?.subarray(from, this.#nextByte) ?? NOTHING;
  }
}

const NOTHING = Buffer.alloc(0);
