/**
 * A progress line on a terminal: amount done, total, rate and remaining time.
 *
 *     put 45% [=========>          ] 1.21 GiB of 2.68 GiB  310 MiB/s  5s left
 *     get 1.21 GiB  310 MiB/s  4s
 *
 * Appears after one second, is redrawn in place, and is erased at the end. Nothing is written if
 * standard error is not a terminal. The rate is that of the last few seconds.
 */
import { displayWidth } from "./display-text.ts";
import { formatCount, formatDuration, formatSize } from "./quantities.ts";

const SHOWN_AFTER_MS = 1000;
const REDRAWN_EVERY_MS = 100;
/** Time constant of the rate: within this time the weight of the past falls to about a third. */
const RATE_MEMORY_MS = 3000;
const BAR_WIDTH_MAX = 30;
const BAR_WIDTH_MIN = 8;
const COLUMNS_ASSUMED = 80;
const ERASE_LINE = "\r\u001b[K";

export interface ProgressStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

export interface ProgressSubject {
  /** The verb, such as `put`. */
  readonly label: string;
  /** The unit of `total` and `add`. */
  readonly unit: "bytes" | "objects";
  /** Undefined: unknown. */
  readonly total?: number | undefined;
}

/** The values of one line. */
export interface ProgressState extends ProgressSubject {
  readonly done: number;
  readonly elapsedMs: number;
  /** Units per second. */
  readonly rate: number;
}

/** Formats the line for a terminal of `columns`; always narrower, so that it does not wrap. */
export function formatProgress(state: ProgressState, columns: number): string {
  const { label, total, rate, elapsedMs } = state;
  // Bodies are slightly larger than the values in them.
  const done = Math.min(state.done, total ?? state.done);
  const amount = (value: number): string =>
    state.unit === "bytes" ? formatSize(value) : formatCount(value, "object");
  const speed = state.unit === "bytes" ? `${formatSize(rate)}/s` : `${Math.round(rate)}/s`;
  const widest = columns - 1;
  if (total === undefined || total === 0) {
    return firstThatFits(
      [`${label} ${amount(done)}  ${speed}  ${formatDuration(elapsedMs)}`, amount(done)],
      widest,
    );
  }
  const percent = `${String(Math.floor((100 * done) / total)).padStart(2)}%`;
  const left = rate > 0 ? `${formatDuration((1000 * (total - done)) / rate)} left` : "stalled";
  const figures = `${amount(done)} of ${amount(total)}  ${speed}  ${left}`;
  const barWidth = Math.min(BAR_WIDTH_MAX, widest - displayWidth(`${label} ${percent} [] ${figures}`));
  const bar =
    barWidth < BAR_WIDTH_MIN ? [] : [`${label} ${percent} [${drawBar(done / total, barWidth)}] ${figures}`];
  return firstThatFits([...bar, `${label} ${percent} ${figures}`, `${percent} ${left}`, percent], widest);
}

function firstThatFits(lines: readonly string[], width: number): string {
  return lines.find((line) => displayWidth(line) <= width) ?? "";
}

function drawBar(share: number, width: number): string {
  const filled = Math.floor(share * width);
  return ("=".repeat(filled) + (filled < width ? ">" : "")).padEnd(width);
}

/** Units per second over the last few seconds, as an exponentially weighted average. */
export class RecentRate {
  #atMs: number;
  #done = 0;
  #weighted = 0;
  #weight = 0;

  constructor(nowMs: number) {
    this.#atMs = nowMs;
  }

  /** Adds a measurement. @param done the total so far. @returns the rate. */
  update(done: number, nowMs: number): number {
    const tookMs = nowMs - this.#atMs;
    if (tookMs > 0) {
      const past = Math.exp(-tookMs / RATE_MEMORY_MS);
      const latest = (1000 * (done - this.#done)) / tookMs;
      this.#weighted = past * this.#weighted + (1 - past) * latest;
      this.#weight = past * this.#weight + (1 - past);
      this.#atMs = nowMs;
      this.#done = done;
    }
    return this.#weight === 0 ? 0 : this.#weighted / this.#weight;
  }
}

/** Draws the line until `end`, which must be called on every path. */
export class Progress {
  readonly #stream: ProgressStream;
  readonly #subject: ProgressSubject;
  readonly #now: () => number;
  readonly #startedMs: number;
  readonly #rate: RecentRate;
  readonly #timer: NodeJS.Timeout | undefined;
  #done = 0;
  #isShown = false;

  /** @param isWanted false: draws nothing, for `--json`. */
  constructor(
    stream: ProgressStream,
    subject: ProgressSubject,
    { isWanted = true, now = () => performance.now() }: { isWanted?: boolean; now?: () => number } = {},
  ) {
    this.#stream = stream;
    this.#subject = subject;
    this.#now = now;
    this.#startedMs = now();
    this.#rate = new RecentRate(this.#startedMs);
    if (stream.isTTY !== true || !isWanted) return;
    this.#timer = setInterval(() => this.draw(), REDRAWN_EVERY_MS).unref();
  }

  /** Units done so far. */
  get done(): number {
    return this.#done;
  }

  add(amount: number): void {
    this.#done += amount;
  }

  /** Draws the line once it is due. The timer calls this. */
  draw(): void {
    const nowMs = this.#now();
    const elapsedMs = nowMs - this.#startedMs;
    const rate = this.#rate.update(this.#done, nowMs);
    if (elapsedMs < SHOWN_AFTER_MS) return;
    this.#isShown = true;
    const columns = this.#stream.columns ?? COLUMNS_ASSUMED;
    const line = formatProgress({ ...this.#subject, done: this.#done, elapsedMs, rate }, columns);
    this.#stream.write(`${ERASE_LINE}${line}`);
  }

  /** Erases the line. Can be called more than once. */
  end(): void {
    clearInterval(this.#timer);
    if (this.#isShown) this.#stream.write(ERASE_LINE);
    this.#isShown = false;
  }
}
