/**
 * Follows the log for one watcher: an action or a stream of the admin listener.
 *
 * Lines wait in a bounded buffer. A watcher that reads too slowly loses lines and gets one that says
 * how many. Lines are passed on in batches with a pause in between, so that lines which the sending
 * itself causes at level trace do not keep the server busy.
 */
import type { LogRecord } from "@logtape/logtape";
import { CacheError } from "../../errors.ts";
import { LIMITS } from "../../limits.ts";
import { LOG_LEVELS, type LogLevel, type LogWatcher, watchLog } from "../../log.ts";
import { formatJsonLine } from "../../log-format.ts";

/** Lines of one moment arrive together. */
const BATCH_PAUSE_MS = 100;

let openWatches = 0;

/** @throws {CacheError} INVALID_REQUEST */
export function parseLogLevel(text: string): LogLevel {
  const level = LOG_LEVELS.find((each) => each === text.toLowerCase());
  if (level !== undefined) return level;
  throw new CacheError("INVALID_REQUEST", `a log level is one of ${LOG_LEVELS.join(", ")}`);
}

export class LogWatch implements LogWatcher {
  readonly level: LogLevel;
  readonly #remove: () => void;
  #lines: string[] = [];
  #length = 0;
  #lost = 0;
  #arrived: () => void = () => {};
  #isClosed = false;

  /**
   * Begins to receive lines. Call `close`.
   * @throws {CacheError} OVERLOADED if there are too many watchers; NOT_IMPLEMENTED if the program
   *   around the cache configures the log.
   */
  constructor(level: LogLevel) {
    this.level = level;
    if (openWatches >= LIMITS.logWatchersMax) {
      throw new CacheError("OVERLOADED", `${LIMITS.logWatchersMax} callers follow the log already`);
    }
    const remove = watchLog(this);
    if (remove === undefined) {
      throw new CacheError("NOT_IMPLEMENTED", "the program around this cache configures the log itself");
    }
    this.#remove = remove;
    openWatches += 1;
  }

  take(record: LogRecord): void {
    const line = formatJsonLine(record).trimEnd();
    const isFull = this.#lines.length >= LIMITS.watchedLinesMax || this.#length >= LIMITS.watchedLengthMax;
    if (isFull) this.#lost += 1;
    else {
      this.#lines.push(line);
      this.#length += line.length;
    }
    this.#arrived();
  }

  /** JSON objects as `formatJsonLine` writes them, in batches, until the signal is aborted. */
  async *batches(signal: AbortSignal): AsyncGenerator<readonly string[], void, void> {
    while (!signal.aborted) {
      if (this.#lines.length === 0) await this.#next(signal);
      await pause(BATCH_PAUSE_MS, signal);
      const lines = this.#lines;
      if (this.#lost > 0) lines.push(lostLine(this.#lost));
      this.#lines = [];
      this.#length = 0;
      this.#lost = 0;
      if (lines.length > 0) yield lines;
    }
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    openWatches -= 1;
    this.#remove();
  }

  #next(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        signal.removeEventListener("abort", end);
        this.#arrived = () => {};
        resolve();
      };
      this.#arrived = end;
      signal.addEventListener("abort", end);
      if (signal.aborted) end();
    });
  }
}

function lostLine(lost: number): string {
  const text = "lines lost: this watcher reads too slowly";
  return JSON.stringify({
    time: new Date().toISOString(),
    level: "warn",
    target: "flame_cache::log",
    text,
    lost,
  });
}

/** Resolves after the time, or when the signal is aborted. */
function pause(delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, delayMs);
    signal.addEventListener("abort", end);
    if (signal.aborted) end();
  });
}
