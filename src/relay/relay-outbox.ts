/**
 * Events of one turn of the event loop on their way to the other thread, in one message.
 *
 * Bytes are copied once, when the message is made, into memory that moves to the other thread; what they were views of may
 * be used again when the other side says that it has sent or taken them.
 * Cost: a message costs 5 to 12 us on both sides together, an event a tenth of one; the copy passes 5 to 10 GB/s.
 */
import { LIMITS } from "../limits.ts";
import type { RelayEvent, RelayPort } from "./relay-message.ts";

export class RelayOutbox {
  readonly #port: RelayPort;
  /** Called before a message is made: last events may still be added. */
  readonly #beforePost: () => void;
  #numbers: number[] = [];
  #texts: string[] = [];
  #parts: Uint8Array[] = [];
  #sizeBytes = 0;
  #isScheduled = false;

  constructor(port: RelayPort, beforePost: () => void = () => {}) {
    this.#port = port;
    this.#beforePost = beforePost;
  }

  /** Begins an event; what belongs to it is added by the other methods, in the order of its kind. */
  event(kind: RelayEvent, streamId: number): void {
    this.#numbers.push(kind, streamId);
    this.schedule();
  }

  number(value: number): void {
    this.#numbers.push(value);
  }

  text(value: string): void {
    this.#texts.push(value);
  }

  /** The last part of its event. Not copied before the message is made: the bytes must not change until then. */
  bytes(view: Uint8Array): void {
    this.#numbers.push(view.length);
    this.#parts.push(view);
    this.#sizeBytes += view.length;
    if (this.#sizeBytes >= LIMITS.relayMessageBytesMax) this.#post();
  }

  /** Makes a message at the end of this turn: behind what all sockets and ports bring in it. */
  schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#post();
      this.#isScheduled = false;
    });
  }

  #post(): void {
    this.#beforePost();
    if (this.#numbers.length === 0) return;
    const bytes = this.#sizeBytes > 0 ? joined(this.#parts, this.#sizeBytes) : undefined;
    const message = [this.#numbers, this.#texts, bytes] as const;
    this.#numbers = [];
    this.#texts = [];
    this.#parts = [];
    this.#sizeBytes = 0;
    this.#port.postMessage(message, bytes === undefined ? [] : [bytes]);
  }
}

/** Memory of its own, so that it can move. */
function joined(parts: readonly Uint8Array[], sizeBytes: number): ArrayBuffer {
  const whole = Buffer.allocUnsafeSlow(sizeBytes);
  let position = 0;
  for (const part of parts) {
    whole.set(part, position);
    position += part.length;
  }
  return whole.buffer as ArrayBuffer;
}
