/**
 * Follows a stream of server-sent events until the signal ends it, and connects again after a break.
 *
 * The pause between attempts doubles up to 10 s. An answer that another attempt cannot change, such
 * as 403, ends it.
 */
import { ApiError, call } from "./call.ts";
import { EventParser, type ServerEvent } from "./event-parser.ts";

const PAUSE_MS = 500;
const PAUSE_MAX_MS = 10_000;

export interface EventWatcher {
  onEvent(event: ServerEvent): void;
  /** Undefined: connected. */
  onFailure(failure: ApiError | undefined): void;
}

export async function watchEvents(path: string, signal: AbortSignal, watcher: EventWatcher): Promise<void> {
  for (let pauseMs = PAUSE_MS; !signal.aborted; pauseMs = Math.min(PAUSE_MAX_MS, pauseMs * 2)) {
    try {
      const response = await call(path, { headers: { accept: "text/event-stream" }, signal });
      watcher.onFailure(undefined);
      pauseMs = PAUSE_MS;
      await readEvents(response, watcher);
      throw new ApiError(0, undefined, "The server ended the stream.");
    } catch (error) {
      if (signal.aborted) return;
      const failure = error instanceof ApiError ? error : new ApiError(0, undefined, "The connection broke.");
      watcher.onFailure(failure);
      if (failure.status >= 400 && failure.status < 500) return;
    }
    await pause(pauseMs, signal);
  }
}

async function readEvents(response: Response, watcher: EventWatcher): Promise<void> {
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  const parser = new EventParser();
  try {
    for (let part = await reader.read(); part.value !== undefined; part = await reader.read()) {
      for (const event of parser.push(part.value)) watcher.onEvent(event);
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
