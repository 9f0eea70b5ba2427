/**
 * Rewrites the records of some sessions in a worker thread, so that calls lose no time.
 *
 *     host    workerData {root, sessions}; terminates the thread when it wants no more
 *     thread  {session, look} for each session in turn, then it ends
 *
 * A thread costs 0.1 s of processor time to start, so several sessions share one. Without threads,
 * as under a TypeScript loader, sessions are walked here, a few files per turn of the loop.
 */
import { Worker } from "node:worker_threads";
import { IS_BUILT, threadEntry } from "../../thread-entries.ts";
import { FactsReader } from "./read-facts.ts";
import { type RecordLook, SessionWalk } from "./walk-session.ts";

export interface RecordOrder {
  /** Absolute. */
  readonly root: string;
  /** Each `application/session`. */
  readonly sessions: readonly string[];
}

/** The result for a session, and the time it took without the turns of others. */
export interface TimedLook extends RecordLook {
  readonly tookMs: number;
}

export interface RecordReport {
  readonly session: string;
  readonly look: TimedLook;
}

export interface RecordHost {
  /** Aborted when no more is wanted. */
  readonly signal: AbortSignal;
  readonly onLook: (session: string, look: TimedLook) => void;
  /** The wall clock; a thread has its own. */
  readonly nowMs: () => number;
}

/**
 * Resolves when all are done, or the signal was aborted, and writing has stopped. @throws the error
 * that ended the thread.
 */
export async function recordSessions(order: RecordOrder, host: RecordHost): Promise<void> {
  if (host.signal.aborted) return;
  if (!IS_BUILT) await recordHere(order, host);
  else await recordInThread(threadEntry("storage/disk/record-thread-entry"), order, host);
}

/** Walks one session after the other; yields undefined after every few files. */
export function* lookAtSessions(
  { root, sessions }: RecordOrder,
  nowMs: () => number = Date.now,
): Generator<RecordReport | undefined> {
  const reader = new FactsReader();
  // The scan reports unreadable directories.
  const options = { root, removals: () => 0, onUnreadable: () => {}, nowMs };
  for (const session of sessions) {
    const [applicationId, sessionId] = session.split("/") as [string, string];
    const walk = new SessionWalk(options, reader, { applicationId, sessionId });
    try {
      let tookMs = 0;
      for (const steps = walk.record(); ; yield undefined) {
        const beforeMs = performance.now();
        const step = steps.next();
        tookMs += performance.now() - beforeMs;
        if (step.done !== true) continue;
        yield { session, look: { ...step.value, tookMs } };
        break;
      }
    } finally {
      walk.close();
    }
  }
}

async function recordHere(order: RecordOrder, { signal, onLook, nowMs }: RecordHost): Promise<void> {
  for (const report of lookAtSessions(order, nowMs)) {
    if (report !== undefined) onLook(report.session, report.look);
    await new Promise((resolve) => setImmediate(resolve));
    if (signal.aborted) return;
  }
}

function recordInThread(entry: URL, workerData: RecordOrder, { signal, onLook }: RecordHost): Promise<void> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(entry, { workerData, name: "flame-object-cache records", execArgv: [] });
    const end = (): void => void worker.terminate();
    signal.addEventListener("abort", end, { once: true });
    worker.on("message", ({ session, look }: RecordReport) => onLook(session, look));
    worker.once("error", reject);
    worker.once("exit", () => {
      signal.removeEventListener("abort", end);
      resolve();
    });
  });
}
