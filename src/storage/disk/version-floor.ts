/**
 * `.version-floor`: the highest version that was ever deleted, as decimal text and a line feed.
 *
 * Written aside, synced, renamed, directory synced: the one file here that must survive a power cut, because a lower floor would
 * give a version out twice. Callers that come while one write is under way share the next. Evictions write it ahead of what
 * they need: the number on disk may be higher than what was deleted, and only a start takes it for the floor.
 */
import fs from "node:fs";
import { assert, CacheError } from "../../errors.ts";
import { diskFailure, errnoOf } from "./disk-failure.ts";
import type { DiskTools } from "./disk-tools.ts";
import { STAGING_DIRECTORY, VERSION_FLOOR_FILE } from "./file-names.ts";

const FLOOR_TEXT = /^(0|[1-9][0-9]{0,15})\n?$/;

export class VersionFloor {
  readonly #tools: DiskTools;
  /** What callers were told or are waiting for: never lower than what is on disk. */
  #wanted = 0;
  #durable = 0;
  #writing: Promise<void> | undefined;

  constructor(tools: DiskTools) {
    this.#tools = tools;
  }

  get version(): number {
    return this.#wanted;
  }

  /** @throws {CacheError} INVALID_CONFIG when the file holds anything but a version: guessing 0 would repeat versions. */
  async load(): Promise<void> {
    let text: string;
    try {
      text = await fs.promises.readFile(`${this.#tools.root}/${VERSION_FLOOR_FILE}`, "utf8");
    } catch (error) {
      if (errnoOf(error) === "ENOENT") return;
      throw error;
    }
    const version = FLOOR_TEXT.test(text) ? Number.parseInt(text, 10) : Number.NaN;
    if (!Number.isSafeInteger(version)) {
      throw new CacheError("INVALID_CONFIG", "the storage directory's version floor is damaged", {
        facts: { path: VERSION_FLOOR_FILE, sizeBytes: text.length },
      });
    }
    this.#wanted = Math.max(this.#wanted, version);
    this.#durable = version;
  }

  /**
   * Resolves when the floor on disk is at least `version`.
   * @param ahead how much higher it is written when it has to be: the next calls may find it written.
   */
  async raise(version: number, ahead: number): Promise<void> {
    assert(Number.isSafeInteger(version), "a version is a safe integer");
    this.#wanted = Math.max(this.#wanted, version);
    while (this.#durable < version) {
      const written = Math.min(this.#wanted + ahead, Number.MAX_SAFE_INTEGER);
      this.#writing ??= this.#write(written).finally(() => {
        this.#writing = undefined;
      });
      await this.#writing;
    }
  }

  /** Waits for a write under way, whatever becomes of it. */
  async settled(): Promise<void> {
    await this.#writing?.catch(() => {});
  }

  async #write(version: number): Promise<void> {
    const { root, steps } = this.#tools;
    const aside = `${root}/${STAGING_DIRECTORY}/floor-${version}`;
    try {
      const file = await fs.promises.open(aside, "w");
      try {
        await steps.writeFloor(file.fd, Buffer.from(`${version}\n`));
        await steps.syncFloor(file.fd);
      } finally {
        await file.close();
      }
      await steps.renameFloor(aside, `${root}/${VERSION_FLOOR_FILE}`);
      await steps.syncDirectory(root);
    } catch (error) {
      throw diskFailure(error, VERSION_FLOOR_FILE);
    }
    this.#durable = version;
  }
}
