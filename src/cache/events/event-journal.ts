/**
 * Records what happens to objects, and finds the events of one object again.
 *
 * An event is encoded at once and written later, with others, off the path of the call: nobody
 * waits for it, and a crash loses at most LIMITS.eventDelayMs. If the disk refuses a write, events
 * wait up to a bound; further ones are counted, and one line says how many were lost. That is logged
 * once, until a write succeeds again.
 * Cost of an event: one short text, 0.5 us; a write for each 600 events.
 */
import { LIMITS } from "../../limits.ts";
import { logFor } from "../../log.ts";
import { Semaphore } from "../../storage/disk/semaphore.ts";
import type { EventStore } from "../../storage/event-store.ts";
import { inTurns } from "../../turns.ts";
import { findEventSteps, oldestMs } from "./find-events.ts";
import { encodeEvent, type NewEvent, type ObjectEvent } from "./object-event.ts";

const log = logFor("journal");

const LINE_FEED = "\n";

/** What the journal knows of some names. */
export interface FoundEvents {
  /** The newest first. */
  readonly events: readonly ObjectEvent[];
  /** The time of the oldest event that was searched, ms since 1970; undefined: there is none. */
  readonly sinceMs: number | undefined;
}

export class EventJournal {
  readonly #store: EventStore;
  readonly #nowMs: () => number;
  readonly #searches = new Semaphore(LIMITS.whyConcurrency);
  /** Lines that wait, whole ones. */
  #waiting = "";
  #lost = 0;
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> | undefined;
  /** True after a failed write, until one succeeds. */
  #isOff = false;
  #isClosed = false;

  /** @param nowMs the wall clock, ms since 1970. */
  constructor(store: EventStore, nowMs: () => number = Date.now) {
    this.#store = store;
    this.#nowMs = nowMs;
  }

  /** The head of a segment, for the options of a store. */
  static head(nowMs: () => number = Date.now): string {
    return encodeEvent({ name: "", event: "begun" }, nowMs());
  }

  /** Records the start, from which on the journal is complete. Never rejects. */
  async open(): Promise<void> {
    await this.#store.open();
    this.record({ name: "", event: "begun" });
  }

  /** Takes one event, with the current time. Never throws and never waits. */
  record(event: NewEvent): void {
    if (this.#waiting.length >= LIMITS.eventWaitingLengthMax || this.#isClosed) {
      this.#lost += 1;
      return;
    }
    this.#waiting += encodeEvent(event, this.#nowMs());
    if (this.#writing !== undefined || this.#isOff) return;
    if (this.#waiting.length >= LIMITS.eventBatchLength) void this.#write();
    else this.#timer ??= this.#after(LIMITS.eventDelayMs);
  }

  /**
   * The newest events of these names, within LIMITS.whyEventsMax, whyBytesMax and whyMs.
   * Other calls run in between.
   */
  find(names: readonly string[]): Promise<FoundEvents> {
    return this.#searches.run(() => this.#find(names));
  }

  /** Writes what waits, and closes the store. Never rejects. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#write();
    await this.#store.close();
  }

  async #find(names: readonly string[]): Promise<FoundEvents> {
    const startedMs = performance.now();
    const events: ObjectEvent[] = [];
    let sinceMs: number | undefined;
    let readBytes = 0;
    await this.#write();
    for await (const lines of this.#parts()) {
      const missing = LIMITS.whyEventsMax - events.length;
      const found = await inTurns(findEventSteps(lines, names, missing));
      events.push(...found.toReversed());
      sinceMs = oldestMs(lines) ?? sinceMs;
      readBytes += lines.length;
      const isLate = performance.now() - startedMs > LIMITS.whyMs;
      if (events.length >= LIMITS.whyEventsMax || readBytes >= LIMITS.whyBytesMax || isLate) break;
    }
    return { events, sinceMs };
  }

  /** What could not be written comes first: it is newer. */
  async *#parts(): AsyncGenerator<Buffer> {
    if (this.#waiting !== "") yield Buffer.from(this.#waiting);
    yield* this.#store.parts();
  }

  #after(delayMs: number): NodeJS.Timeout {
    return setTimeout(() => void this.#write(), delayMs).unref();
  }

  /** Writes what waits. One at a time; never rejects. */
  #write(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#writing ??= this.#writeAll().finally(() => {
      this.#writing = undefined;
    });
    return this.#writing;
  }

  /** What comes meanwhile waits for the next batch, so that a busy server does not write each event. */
  async #writeAll(): Promise<void> {
    for (let isFirst = true; this.#waiting !== ""; isFirst = false) {
      if (!isFirst && !this.#isClosed && this.#waiting.length < LIMITS.eventBatchLength) break;
      const batch = firstLines(this.#waiting, LIMITS.eventBatchLength);
      try {
        await this.#store.append(Buffer.from(batch));
      } catch (error) {
        return this.#failed(error);
      }
      this.#waiting = this.#waiting.slice(batch.length);
      this.#succeeded();
    }
    if (this.#waiting !== "") this.#timer ??= this.#after(LIMITS.eventDelayMs);
  }

  #failed(error: unknown): void {
    if (!this.#isOff) log.warn("events are not written until the disk accepts them", { error });
    this.#isOff = true;
    if (!this.#isClosed) this.#timer = this.#after(LIMITS.eventRetryMs);
  }

  #succeeded(): void {
    if (this.#isOff) log.info("events are written again", { lost: this.#lost });
    this.#isOff = false;
    if (this.#lost === 0) return;
    const details = { count: this.#lost };
    this.#lost = 0;
    this.#waiting += encodeEvent({ name: "", event: "lost", details }, this.#nowMs());
  }
}

/** The first lines of a text, at most this long. One line is much shorter. */
function firstLines(text: string, lengthMax: number): string {
  if (text.length <= lengthMax) return text;
  return text.slice(0, text.lastIndexOf(LINE_FEED, lengthMax - 1) + 1);
}
