/**
 * The deadline of one call, on either side: a timer, and whether its time has come when the call ends by a reset.
 *
 * Both sides time the same call. When its time has come each resets the stream, and which of the two a call meets first, its own
 * timer or the other side's reset, is chance: in both cases the deadline is what ended it.
 * Source: gRPC core concepts, "Deadlines"; grpc-go asks the clock in the same way when a stream is reset.
 */
import { CacheError } from "../errors.ts";
import { LIMITS } from "../limits.ts";

export class Deadline {
  readonly #dueMs: number;
  readonly #timer: NodeJS.Timeout;

  /** @param timeoutMs at most LIMITS.deadlineMsMax */
  constructor(timeoutMs: number, onPassed: (reason: CacheError) => void) {
    this.#dueMs = performance.now() + timeoutMs;
    this.#timer = setTimeout(() => onPassed(new CacheError("DEADLINE_EXCEEDED")), timeoutMs);
  }

  /** True when a reset that comes now is the other side's deadline. */
  get isDue(): boolean {
    return performance.now() >= this.#dueMs - LIMITS.deadlineSkewMs;
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}
