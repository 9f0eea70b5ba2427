/**
 * The sending half of a call that runs beside its reading half: the caller's messages go out while answers come in.
 *
 * A message source that fails ends the call, so that the server does not take a part for the whole. When the call is over
 * the source is told (`return` of its iterator), also while the next message is awaited that may never come.
 */
import { CacheError } from "../../errors.ts";
import type { ClientCall } from "../../grpc/client-call.ts";

/** Writes `messages` to the call, to the last of them. */
export type WriteAll<T> = (messages: AsyncIterable<T>) => Promise<void>;

/** Why a sender stopped before the call was over: an error of the caller's own. */
interface SourceFailure {
  readonly reason: unknown;
}

export class MessageSender<T> {
  readonly #call: ClientCall;
  readonly #iterator: Iterator<T> | AsyncIterator<T>;
  #state: "sending" | "sent" | "stopped" = "sending";
  /** What the source threw, or was wrong with its messages, when that ended the call. */
  #failure: SourceFailure | undefined;

  /** Begins at once. */
  constructor(call: ClientCall, messages: Iterable<T> | AsyncIterable<T>, writeAll: WriteAll<T>) {
    this.#call = call;
    this.#iterator =
      Symbol.asyncIterator in messages ? messages[Symbol.asyncIterator]() : messages[Symbol.iterator]();
    void this.#send(writeAll);
  }

  /** True when everything was given to the connection. */
  get isSent(): boolean {
    return this.#state === "sent";
  }

  /** The error to tell: what the source threw, when that is why the call ended, else `error`. */
  reasonOf(error: unknown): unknown {
    return this.#failure === undefined ? error : this.#failure.reason;
  }

  /** The call is over: the source may let go of what it holds. */
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
      // An error of the call is told by its answers; what comes after its end nobody hears.
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
      // Its own affair: the call is over.
    }
  }
}
