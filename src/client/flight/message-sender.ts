/**
 * The sending half of a call: sends the caller's messages while the reading half receives answers.
 *
 * An error of the message source ends the call, so that the server does not store a part as the
 * whole. When the call is over, the iterator of the source gets `return`, even during a wait for a
 * next message that may never come.
 */
import { CacheError } from "../../errors.ts";
import type { ClientCall } from "../../grpc/client-call.ts";

/** Writes all `messages` to the call. */
export type WriteAll<T> = (messages: AsyncIterable<T>) => Promise<void>;

/** The caller's error that stopped a sender before the call was over. */
interface SourceFailure {
  readonly reason: unknown;
}

export class MessageSender<T> {
  readonly #call: ClientCall;
  readonly #iterator: Iterator<T> | AsyncIterator<T>;
  #state: "sending" | "sent" | "stopped" = "sending";
  /** The error of the source or of its messages, if it ended the call. */
  #failure: SourceFailure | undefined;

  /** Starts to send at once. */
  constructor(call: ClientCall, messages: Iterable<T> | AsyncIterable<T>, writeAll: WriteAll<T>) {
    this.#call = call;
    this.#iterator =
      Symbol.asyncIterator in messages ? messages[Symbol.asyncIterator]() : messages[Symbol.iterator]();
    void this.#send(writeAll);
  }

  /** True if the connection has accepted all messages. */
  get isSent(): boolean {
    return this.#state === "sent";
  }

  /** The error to report: that of the source if it ended the call, else `error`. */
  reasonOf(error: unknown): unknown {
    return this.#failure === undefined ? error : this.#failure.reason;
  }

  /** The call is over: the source may release its resources. */
  stop(): void {
    if (this.#state !== "sending") return;
    this.#state = "stopped";
    this.#closeSource();
  }

  async #send(writeAll: WriteAll<T>): Promise<void> {
    try {
      await writeAll({ [Symbol.asyncIterator]: () => this.#messages() });
      if (this.#state !== "sending") return;
      this.#state = "sent";
      this.#call.endRequests();
    } catch (reason) {
      // The answers report errors of the call. An error after its end is dropped.
      if (this.#state === "sending" && !this.#call.isOver) {
        this.#failure = { reason };
        this.#call.cancel();
      }
      this.stop();
    }
  }

  #messages(): AsyncIterator<T> {
    return {
      next: async () => {
        if (this.#state !== "sending") throw new CacheError("CANCELLED");
        return await this.#iterator.next();
      },
    };
  }

  #closeSource(): void {
    try {
      const closing: unknown = this.#iterator.return?.();
      if (closing instanceof Promise) closing.catch(() => undefined);
    } catch {
      // Errors of `return` are dropped: the call is over.
    }
  }
}
