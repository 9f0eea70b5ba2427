/**
 * The deadline of one call, on either side: a timer, and a test whether a reset was due to the
 * deadline.
 *
 * Both sides time the same call and reset the stream at the deadline. A side may see its own timer
 * or the peer's reset first; in both cases the deadline ended the call.
 * Source: gRPC core concepts, "Deadlines"; grpc-go compares the clock in the same way on a reset.
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

  /** True if a reset that arrives now is due to the peer's deadline. */
  get isDue(): boolean {
    return performance.now() >= this.#dueMs - LIMITS.deadlineSkewMs;
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}
