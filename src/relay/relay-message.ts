/**
 * What crosses between a thread that has connections and the thread that runs the calls.
 *
 * One message holds all events of one turn of the event loop, because sending one costs as much as a few dozen events. An
 * event is its kind, the stream's number, and what stands behind them here; texts and bytes lie apart, in the order in which
 * the events take them.
 *
 *     connections -> calls
 *       OPEN      place; texts: peer, OWN_HOST or ""; the request is the one that was kept at this place
 *       REQUEST   place or NO_PLACE, fields, sizeBytes, 1 when it is full; texts: name and value of each field. For the OPEN behind it, and to be kept
 *       DATA      lengthBytes; bytes of the request
 *       END       the peer has half-closed
 *       SENT      lengthBytes: so much more of the answer is with the operating system
 *       GONE      1 when it was cut, 0 when all of the answer is sent: the stream's last event
 *     calls -> connections
 *       HEAD      lengthBytes; a header block that begins the answer
 *       WRITE     messages that begin in it, lengthBytes; bytes of the answer
 *       FINISH    lengthBytes; a header block that ends the answer
 *       RESET     text: the code
 *       READ      lengthBytes: so much more of the request was taken
 *
 * Events for streams that are gone are passed over: both sides may end one at the same time.
 */
export const RELAY = {
  OPEN: 1,
  DATA: 2,
  END: 3,
  SENT: 4,
  GONE: 5,
  HEAD: 6,
  WRITE: 7,
  FINISH: 8,
  RESET: 9,
  READ: 10,
  REQUEST: 11,
} as const;

export type RelayEvent = (typeof RELAY)[keyof typeof RELAY];

/** In OPEN: the connection comes from this host. */
export const OWN_HOST = "own host";

/** The bytes are moved, not copied: the sender has them no longer. */
export type RelayMessage = readonly [
  numbers: readonly number[],
  texts: readonly string[],
  bytes: ArrayBuffer | undefined,
];

/** Where messages go: a worker, or the port of one. */
export interface RelayPort {
  postMessage(message: RelayMessage, transferred: readonly ArrayBuffer[]): void;
}

/** Takes a message apart, in the order in which it was written. */
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

  /** As many bytes as the next number says; a view of the message. */
  bytes(): Buffer {
    const from = this.#nextByte;
    this.#nextByte += this.number();
    return this.#bytes?.subarray(from, this.#nextByte) ?? NOTHING;
  }
}

const NOTHING = Buffer.alloc(0);
