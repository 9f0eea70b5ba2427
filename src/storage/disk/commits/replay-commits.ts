/**
 * Replays the commit log at start.
 *
 * After a reboot it restores files that the file system lost and removes files that reappeared.
 * Within the same boot nothing was lost: it only resolves puts that a dead process left unfinished,
 * so that they are not replayed later. In both cases the segments stay and are released like new
 * ones: replayed files need no sync here. A file is restored unless it is stored as logged, or an
 * intact newer version is. Failures are logged; they never prevent a start.
 */
import { logFor } from "../../../log.ts";
import { errnoOf } from "../disk-failure.ts";
import type { DiskTools } from "../disk-tools.ts";
import { otherFormPath, parseFilePath } from "../file-names.ts";
import { removeFile } from "../removal.ts";
import type { StagingArea } from "../staging-area.ts";
import { isSameBoot } from "./boot-id.ts";
import { isStored, type Stored, storedAt, versionIn } from "./compare-stored.ts";
import { type FoundCommits, type KeptRecord, readCommits, readContent } from "./read-commits.ts";

const log = logFor("storage");

interface ReplayTools {
  readonly tools: DiskTools;
  readonly staging: StagingArea;
}

/** @returns the highest version that could not be restored; new versions must be above it. */
export async function replayCommits(replay: ReplayTools): Promise<number> {
  const { commits } = replay.tools;
  let found: FoundCommits;
  try {
    found = await readCommits(replay.tools.root);
  } catch (error) {
    log.error("the commit log cannot be read: objects lost in a power loss are not restored", { error });
    commits.disable();
    return 0;
  }
  commits.segments.adopt(found);
  const isOtherBoot = found.segments.some(({ head }) => !isSameBoot(head.bootId, commits.settings.bootId));
  if (!isOtherBoot) for (const each of found.doubted) each.isHeld = true;
  const pass = new ReplayPass(replay, { isOtherBoot, mustRepeat: !(await synced(replay, found)) });
  for (const [file, records] of found.records) await pass.take(file, records);
  pass.tell(found.segments.length);
  return pass.lostVersion;
}

/**
 * Syncs removals that an earlier process only wrote, because later syncs of this process cover
 * them.
 * @returns false if they have to be written again.
 */
async function synced({ tools }: ReplayTools, { segments }: FoundCommits): Promise<boolean> {
  try {
    for (const { fd } of segments) await tools.steps.syncCommits(fd);
    return true;
  } catch (error) {
    log.error("the existing commit log cannot be synced", { errno: errnoOf(error), error });
    return false;
  }
}

interface PassOptions {
  /** True if the log is from another boot. */
  readonly isOtherBoot: boolean;
  readonly mustRepeat: boolean;
}

class ReplayPass {
  readonly #replay: ReplayTools;
  readonly #isOtherBoot: boolean;
  readonly #mustRepeat: boolean;
  #putBack = 0;
  #removed = 0;
  #unfinished = 0;
  #failed = 0;
  lostVersion = 0;

  constructor(replay: ReplayTools, { isOtherBoot, mustRepeat }: PassOptions) {
    this.#replay = replay;
    this.#isOtherBoot = isOtherBoot;
    this.#mustRepeat = mustRepeat;
  }

  async take(file: string, records: readonly KeptRecord[]): Promise<void> {
    for (const { kind, segment } of records) {
      if (kind === "put") this.#replay.tools.commits.live.put(file, segment);
    }
    try {
      if (this.#isOtherBoot) await this.#restore(file, records);
      else await this.#replayFile(file, records);
    } catch (error) {
      // Its records and their segments stay.
      for (const { segment } of records) segment.isHeld = true;
      this.#failed += 1;
      this.lostVersion = Math.max(this.lostVersion, await lastVersion(records));
      log.error("a file of the commit log could not be restored", {
        path: file,
        errno: errnoOf(error),
        error,
      });
    }
  }

  tell(segments: number): void {
    const [putBack, removed, unfinished, failed] = [
      this.#putBack,
      this.#removed,
      this.#unfinished,
      this.#failed,
    ];
    if (segments === 0) return;
    if (this.#isOtherBoot)
      log.warn("the machine was restarted: the commit log was replayed", {
        segments,
        putBack,
        removed,
        failed,
      });
    else if (unfinished + failed > 0)
      log.info("unfinished puts of an earlier process were cancelled", { segments, unfinished, failed });
  }

  async #restore(file: string, records: readonly KeptRecord[]): Promise<void> {
    const { commits, root } = this.#replay.tools;
    const last = records.at(-1)!;
    const otherForm = otherFormPath(parseFilePath(file)!);
    if (last.kind === "gone") {
      this.#stayGone(file);
      for (const each of [file, otherForm]) await this.#removeAgain(each, records);
      return;
    }
    const content = readContent(last);
    if (!isStored(root, file, content)) {
      const stored = await storedAt(root, file);
      if (isNewer(stored, await versionIn(content))) commits.live.replaced(file);
      else await this.#write(file, content);
    }
    if (otherForm !== undefined) await this.#removeOlderForm(otherForm, content);
  }

  /**
   * Removes a file that may have reappeared, whole or torn, under the name of a removed or older
   * file, and its other form, whose removal was durable with the later put. A torn newer file was
   * never acknowledged.
   */
  async #removeAgain(file: string | undefined, records: readonly KeptRecord[]): Promise<void> {
    if (file === undefined) return;
    const stored = await storedAt(this.#replay.tools.root, file);
    if (stored === undefined || isNewer(stored, (await lastVersion(records)) + 1)) return;
    await this.#remove(file);
  }

  /** The same for the other form; a torn one would make the object damaged. */
  async #removeOlderForm(file: string, content: Buffer): Promise<void> {
    const stored = await storedAt(this.#replay.tools.root, file);
    if (stored !== undefined && !isNewer(stored, await versionIn(content))) await this.#remove(file);
  }

  async #remove(file: string): Promise<void> {
    await removeFile(this.#replay.tools, file);
    this.#removed += 1;
  }

  #stayGone(file: string): void {
    const { live, log: commitLog } = this.#replay.tools.commits;
    if (this.#mustRepeat) void commitLog.gone(file);
    else live.remove(file);
  }

  async #write(file: string, content: Buffer): Promise<void> {
    const { staging, tools } = this.#replay;
    const staged = await staging.create();
    try {
      await tools.steps.writeStaged(staged.fd, [content], 0);
    } catch (error) {
      await staging.drop(staged);
      throw error;
    }
    try {
      await tools.steps.closeStaged(staged.fd);
      await staging.moveIntoPlace(staged.path, file, content.length);
    } catch (error) {
      await staging.drop({ path: staged.path, fd: undefined });
      throw error;
    }
    this.#putBack += 1;
  }

  /**
   * Finds the put of the stored file. Puts logged after it never got their name, or were removed by
   * hand.
   */
  async #replayFile(file: string, records: readonly KeptRecord[]): Promise<void> {
    const { live, log: commitLog } = this.#replay.tools.commits;
    const last = records.at(-1)!;
    if (last.kind === "gone") return this.#stayGone(file);
    const { root } = this.#replay.tools;
    let stored: Stored | undefined;
    for (const record of records.toReversed()) {
      if (record.kind === "gone") break;
      const content = readContent(record);
      if (isStored(root, file, content)) return live.put(file, record.segment);
      stored ??= await storedAt(root, file);
      this.#unfinished += 1;
      if (stored === undefined) return await commitLog.gone(file);
      if (isNewer(stored, await versionIn(content))) {
        this.#unfinished -= 1;
        live.put(file, record.segment);
        return live.replaced(file);
      }
      commitLog.cancelled(file, { number: record.segment.head.number, position: record.position });
    }
    live.remove(file);
  }
}

/**
 * True for a file that `version` must not replace: intact and at least as new, or written by
 * another program.
 */
function isNewer(stored: Stored | undefined, version: number | undefined): boolean {
  if (stored?.version === undefined) return false;
  return stored.isForeign || version === undefined || stored.version >= version;
}

/** The highest logged version of the file; 0 if unknown. */
async function lastVersion(records: readonly KeptRecord[]): Promise<number> {
  let highest = 0;
  for (const record of records) {
    if (record.kind !== "put") continue;
    const version = await Promise.resolve(record)
      .then(readContent)
      .then((content) => versionIn(content))
      .catch(() => undefined);
    highest = Math.max(highest, version ?? 0);
  }
  return highest;
}
