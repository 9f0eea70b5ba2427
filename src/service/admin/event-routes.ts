/**
 * `GET /v1/admin/events`: a snapshot of the statistics each second, as server-sent events `stats`.
 *
 * An event is the answer of `/v1/admin/stats` with two members more: `recent`, the calls since the
 * event before, and `slowest`, the slowest call of each method in the last minutes. All watchers
 * share one timer and one snapshot, so a second watcher costs one write a second. A client that does
 * not read misses snapshots; the next one that it gets is current.
 */
import { LIMITS } from "../../limits.ts";
import type { HttpCall, HttpRoute } from "../http/http-call.ts";
import { EventStream, refuseTooManyWatchers } from "./event-stream.ts";
import { RecentCallsMeter, slowestCalls } from "./recent-calls.ts";
import type { ServerStats } from "./server-stats.ts";

export const EVENT_ROUTES: readonly HttpRoute[] = [
  {
    method: "GET",
    path: "/v1/admin/events",
    access: ["admin"],
    isEndless: true,
    handle: (call) => eventsOf(call.context.stats).watch(call),
  },
];

/** One for each server of the process. */
const allEvents = new WeakMap<ServerStats, StatsEvents>();

function eventsOf(stats: ServerStats): StatsEvents {
  const known = allEvents.get(stats);
  if (known !== undefined) return known;
  const events = new StatsEvents(stats);
  allEvents.set(stats, events);
  return events;
}

class StatsEvents {
  readonly #stats: ServerStats;
  readonly #watchers = new Set<EventStream>();
  readonly #recent = new RecentCallsMeter();
  #timer: NodeJS.Timeout | undefined;
  #latest = "";

  constructor(stats: ServerStats) {
    this.#stats = stats;
  }

  async watch(call: HttpCall): Promise<void> {
    refuseTooManyWatchers(this.#watchers.size);
    const stream = new EventStream(call);
    if (call.request.method === "HEAD") {
      call.response.end();
      return;
    }
    this.#watchers.add(stream);
    if (this.#timer === undefined) {
      this.#look();
      this.#timer = setInterval(() => this.#sendAll(), LIMITS.statsEventIntervalMs).unref();
    }
    stream.send("stats", this.#latest);
    await stream.ended();
    this.#watchers.delete(stream);
    if (this.#watchers.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #look(): void {
    const { calls } = this.#stats;
    const [recent, slowest] = [this.#recent.take(calls), slowestCalls(calls, Date.now())];
    this.#latest = JSON.stringify({ ...this.#stats.snapshot(), recent, slowest });
  }

  #sendAll(): void {
    this.#look();
    for (const stream of this.#watchers) if (!stream.isBehind) stream.send("stats", this.#latest);
  }
}
