/**
 * One answer of server-sent events to one client, which may read slowly.
 *
 *     event: NAME
 *     data: JSON on one line
 *
 * Source: HTML Living Standard, "Server-sent events". Nothing is queued here: while the client does
 * not read, `isBehind` is true and the caller decides what to drop. A client that reads nothing for
 * LIMITS.watcherStalledMs is disconnected, so that it cannot hold a place forever.
 */
import { CacheError } from "../../errors.ts";
import { LIMITS } from "../../limits.ts";
import type { HttpCall } from "../http/http-call.ts";

const HEADERS = {
  "content-type": "text/event-stream; charset=utf-8",
  "cache-control": "no-store",
  // A proxy that gathers the answer would delay each event.
  "x-accel-buffering": "no",
};

export class EventStream {
  readonly #call: HttpCall;
  #stalled: NodeJS.Timeout | undefined;

  constructor(call: HttpCall) {
    this.#call = call;
    call.response.writeHead(200, HEADERS);
    call.response.flushHeaders();
    call.response.on("drain", () => {
      clearTimeout(this.#stalled);
      this.#stalled = undefined;
    });
  }

  get isBehind(): boolean {
    return this.#call.response.writableNeedDrain;
  }

  /** @param json without line breaks */
  send(event: string, json: string): void {
    if (this.#call.signal.aborted) return;
    this.#call.response.write(`event: ${event}\ndata: ${json}\n\n`);
    if (!this.isBehind || this.#stalled !== undefined) return;
    this.#stalled = setTimeout(() => this.#call.response.destroy(), LIMITS.watcherStalledMs).unref();
  }

  /** Resolves when a client that is behind has read everything, or has disconnected. */
  async caughtUp(): Promise<void> {
    const { response, signal } = this.#call;
    if (!this.isBehind || signal.aborted) return;
    await new Promise<void>((resolve) => {
      const end = (): void => {
        signal.removeEventListener("abort", end);
        resolve();
      };
      response.once("drain", end);
      signal.addEventListener("abort", end);
    });
  }

  /** Resolves when the client disconnects or the server stops. Ends the answer. */
  async ended(): Promise<void> {
    const { response, signal } = this.#call;
    if (!signal.aborted) {
      await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
    }
    clearTimeout(this.#stalled);
    response.end();
  }
}

/** @throws {CacheError} OVERLOADED if there are `watching` watchers already. */
export function refuseTooManyWatchers(watching: number): void {
  if (watching < LIMITS.statsWatchersMax) return;
  throw new CacheError("OVERLOADED", `${watching} clients watch already, which is the maximum`);
}
