/**
 * Releases segments of the log, oldest first, whose files are all at rest.
 *
 * A segment that nobody was promised is released at once and without a sync. One that somebody was
 * promised is released some time later, when the kernel has written its files and a sync is cheap:
 * files first, then their directories, then what came later in the log. If a sync fails, it stays
 * until the next boot of the machine reads it.
 */
import { LIMITS } from "../../../limits.ts";
import { logFor } from "../../../log.ts";
import { isMissing, unlessDiskFailure } from "../disk-failure.ts";
import type { DirectoryTools } from "../disk-tools.ts";
import type { DiskLog } from "./disk-log.ts";
import { encodePlace } from "./log-record.ts";
import type { LogSegment, Recent } from "./log-segment.ts";

const log = logFor("storage");

export class Releases {
  readonly #log: DiskLog;
  readonly #tools: DirectoryTools;
  /** When to try again what found no space. */
  #retryAtMs = 0;

  constructor(log: DiskLog, tools: DirectoryTools) {
    this.#log = log;
    this.#tools = tools;
  }

  /** Releases what is due. */
  async due(): Promise<void> {
    const { segments } = this.#log;
    for (let delayMs = this.delayMs; delayMs !== undefined && delayMs <= 0; delayMs = this.delayMs) {
      const oldest = this.#oldest;
      if (oldest === undefined) segments.seal();
      else if (!(await this.#release(oldest))) return;
      segments.onChange();
    }
  }

  /** Releases all segments, unless too many files would have to be synced. */
  async stop(): Promise<void> {
    const { segments, settings } = this.#log;
    const promised = [...segments.sealed, segments.active].filter((each) => each?.isPromised === true);
    const files = promised.reduce((sum, each) => sum + each!.rested.size, 0);
    if (files > settings.syncedAtStopMax) return;
    segments.seal();
    while (this.#oldest !== undefined && (await this.#release(this.#oldest)));
  }

  /** True if a segment can be released without a sync. */
  get isDue(): boolean {
    const oldest = this.#oldest;
    return oldest?.pending.size === 0 && !oldest.isPromised && this.#retryAtMs <= Date.now();
  }

  /** Time until the next release; undefined if none is due. */
  get delayMs(): number | undefined {
    const { segments, settings } = this.#log;
    const { sealed, active } = segments;
    const oldest = sealed[0];
    if (oldest !== undefined) {
      if (oldest.isHeld || oldest.pending.size > 0) return undefined;
      const isDue = segments.isShort || !oldest.isPromised;
      const dueMs = isDue ? 0 : oldest.sealedAtMs! + settings.syncDelayMs;
      return Math.max(dueMs, this.#retryAtMs) - Date.now();
    }
    return active?.firstAtMs === undefined
      ? undefined
      : active.firstAtMs + settings.segmentAgeMs - Date.now();
  }

  /** The oldest closed segment, unless it must stay. */
  get #oldest(): LogSegment | undefined {
    const oldest = this.#log.segments.sealed[0];
    return oldest === undefined || oldest.isHeld ? undefined : oldest;
  }

  /** @returns false if the segment must stay. */
  async #release(segment: LogSegment): Promise<boolean> {
    const { segments, recents, writer } = this.#log;
    const { syncs } = this.#tools;
    // It may be the last batch of the segment.
    await writer.written();
    if (segment.pending.size > 0) return false;
    try {
      await this.#log.notes.keep(segment);
    } catch (error) {
      // Logged. A later attempt may find space.
      unlessDiskFailure(error);
      this.#retryAtMs = Date.now() + LIMITS.restRetryMs;
      return false;
    }
    try {
      if (segment.isPromised) {
        for (const recent of [...segment.rested]) await this.#syncFile(recent);
        for (const directory of [...segment.directories]) await syncs.sync(directory);
        // Later records of its files: what they superseded was not synced.
        await writer.sync();
      }
      await segments.release(segment, () => {
        recents.release(segment);
        return writer.forget(segment);
      });
      return true;
    } catch (error) {
      segment.isHeld = true;
      writer.note({ kind: "doubt", path: "", content: [encodePlace(segment.head.number, 0)] });
      log.error("a file could not be synced: the log keeps it", { error });
      return false;
    }
  }

  /** Skips a file that was removed, replaced or logged again meanwhile. */
  async #syncFile(recent: Recent): Promise<void> {
    const { root, steps } = this.#tools;
    if (recent.kind !== "put" || !recent.segment.rested.has(recent)) return;
    try {
      await steps.syncPublished(`${root}/${recent.path}`);
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
  }
}
