/**
 * `GET /v1/admin/log?level=info`: the lines of the log from now on, as server-sent events.
 *
 *     event: line   data: one line of the log as JSON: {"time", "level", "target", "text", ...}
 *
 * A client that reads too slowly loses lines and gets one that says how many (log-watch.ts).
 */
import type { HttpCall, HttpRoute } from "../http/http-call.ts";
import { EventStream } from "./event-stream.ts";
import { LogWatch, parseLogLevel } from "./log-watch.ts";

export const LOG_ROUTES: readonly HttpRoute[] = [
  { method: "GET", path: "/v1/admin/log", access: ["admin"], isEndless: true, handle: streamLog },
];

/** @throws {CacheError} INVALID_REQUEST, OVERLOADED, NOT_IMPLEMENTED */
async function streamLog(call: HttpCall): Promise<void> {
  const watch = new LogWatch(parseLogLevel(call.url.searchParams.get("level") ?? "info"));
  try {
    const stream = new EventStream(call);
    if (call.request.method === "HEAD") return void call.response.end();
    for await (const lines of watch.batches(call.signal)) {
      for (const line of lines) stream.send("line", line);
      await stream.caughtUp();
    }
    await stream.ended();
  } finally {
    watch.close();
  }
}
