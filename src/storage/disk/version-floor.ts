/**
 * `.version-floor`: the highest version that was ever deleted. A lower floor would reuse versions.
 *
 *     0    512   a slot: one line of summed-line.ts, the version in decimal; zeros behind it
 *     512  512   the other slot
 *
 * The file is created at start and then overwritten in place, so that deletes need no block or
 * inode of a full disk. One slot is written and synced, then the other gets the same line: one of
 * them is always synced, so a torn write loses only what was not acknowledged. The higher intact
 * slot counts. A file of earlier releases is plain text in the first slot; the second is written
 * behind it, in the same block. Concurrent callers share a write. Evictions write ahead of their
 * need: the number on disk may exceed the highest deleted version, and only a start uses it as the
 * floor.
 */
import fs from "node:fs";
import path from "node:path";
import { assert, CacheError } from "../../errors.ts";
import { LIMITS } from "../../limits.ts";
import { logFor } from "../../log.ts";
import { diskFailure, errnoOf } from "./disk-failure.ts";
import type { DiskTools } from "./disk-tools.ts";
import { STAGING_DIRECTORY, VERSION_FLOOR_FILE } from "./file-names.ts";
import { formatSummedLine, parseSummedLine } from "./summed-line.ts";

const log = logFor("storage");

/** A sector, the smallest disk write. */
const SLOT_BYTES = 512;
const DECIMAL = /^(0|[1-9][0-9]{0,15})$/;
const IN_PLACE = fs.constants.O_RDWR | fs.constants.O_NOFOLLOW | fs.constants.O_NONBLOCK;

export class VersionFloor {
  readonly #tools: DiskTools;
  readonly #path: string;
  /** The floor that callers got or wait for: never lower than on disk. */
  #wanted = 0;
  /** The floor that this process has synced. */
  #durable = 0;
  /** The slot that is written next: never the only one with an acknowledged floor. */
  #next = 0;
  /** False while the loaded floor may not have been synced by the process that wrote it. */
  #isSynced = false;
  /** True if a raise only needs to overwrite the file in place. */
  #isPrepared = false;
  #writing: Promise<void> | undefined;

  constructor(tools: DiskTools) {
    this.#tools = tools;
    this.#path = `${tools.root}/${VERSION_FLOOR_FILE}`;
  }

  get version(): number {
    return this.#wanted;
  }

  /**
   * @throws {CacheError} INVALID_CONFIG if the file holds anything but a version: guessing 0 would
   *   repeat versions.
   */
  async load(): Promise<void> {
    const bytes = await this.#read();
    if (bytes === undefined) return;
    const isEarlier = DECIMAL.test(textAt(bytes, 0));
    const slots = [isEarlier ? Number(textAt(bytes, 0)) : slotAt(bytes, 0), slotAt(bytes, 1)] as const;
    const version = Math.max(...slots.map((slot) => slot ?? -1));
    if (version < 0 || version > LIMITS.versionMax) throw damaged(bytes.length);
    this.#isPrepared = !isEarlier && bytes.length >= 2 * SLOT_BYTES;
    if (this.#isPrepared && slots.includes(undefined))
      log.warn("one of the two slots of the version floor is damaged: using the other", { version });
    this.#wanted = Math.max(this.#wanted, version);
    this.#next = slots[0] === version ? 1 : 0;
  }

  /** Prepares the file for overwriting in place. @throws {CacheError} STORAGE_FULL, STORAGE_IO */
  async prepare(): Promise<void> {
    if (!this.#isPrepared) await this.#write(this.#wanted);
  }

  /**
   * Resolves when the floor on disk is at least `version`, or LIMITS.versionMax if that is lower.
   * @param ahead how much higher to write it if a write is needed: later calls may then need none.
   */
  async raise(version: number, ahead: number): Promise<void> {
    assert(Number.isSafeInteger(version), "a version is a safe integer");
    const least = Math.min(version, LIMITS.versionMax);
    this.#wanted = Math.max(this.#wanted, least);
    while (this.#durable < least) {
      const written = Math.min(this.#wanted + ahead, LIMITS.versionMax);
      this.#writing ??= this.#write(written).finally(() => {
        this.#writing = undefined;
      });
      await this.#writing;
    }
  }

  /** Waits for a pending write, successful or not. */
  async idle(): Promise<void> {
    await this.#writing?.catch(() => {});
  }

  async #write(version: number): Promise<void> {
    try {
      if (!(await this.#overwrite(version))) await this.#create(version);
    } catch (error) {
      throw diskFailure(error, VERSION_FLOOR_FILE);
    }
    this.#durable = version;
    this.#isPrepared = true;
  }

  /** @returns false if the file does not exist. */
  async #overwrite(version: number): Promise<boolean> {
    const { root, steps } = this.#tools;
    const file = await fs.promises.open(this.#path, IN_PLACE).catch(unlessMissing);
    if (file === undefined) return false;
    try {
      if (!this.#isSynced) {
        await steps.syncFloor(file.fd);
        await steps.syncDirectory(root);
        this.#isSynced = true;
      }
      const slot = encodeSlot(version);
      await steps.writeFloor(file.fd, slot, this.#next * SLOT_BYTES);
      await steps.syncFloor(file.fd);
      this.#next = 1 - this.#next;
      // The version is already durable: the next write meets the same failure.
      await steps.copyFloor(file.fd, slot, this.#next * SLOT_BYTES).catch(() => {});
    } finally {
      await file.close();
    }
    return true;
  }

  /** Written aside, so that there is never a partial file. */
  async #create(version: number): Promise<void> {
    const { root, steps } = this.#tools;
    const aside = `${root}/${STAGING_DIRECTORY}/floor`;
    try {
      // The start may have had no space for it.
      await steps.makeDirectory(path.dirname(aside));
      const file = await fs.promises.open(aside, "w");
      try {
        await steps.writeFloor(file.fd, Buffer.concat([encodeSlot(version), encodeSlot(version)]), 0);
        await steps.syncFloor(file.fd);
      } finally {
        await file.close();
      }
      await steps.renameFloor(aside, this.#path);
      await steps.syncDirectory(root);
    } catch (error) {
      await fs.promises.rm(aside, { force: true }).catch(() => {});
      throw error;
    }
    this.#isSynced = true;
  }

  /** Undefined if there is no file. */
  async #read(): Promise<Buffer | undefined> {
    const file = await fs.promises.open(this.#path, IN_PLACE).catch(unlessMissing);
    if (file === undefined) return undefined;
    try {
      const bytes = Buffer.alloc(2 * SLOT_BYTES + 1);
      const { bytesRead } = await file.read(bytes, 0, bytes.length, 0);
      return bytes.subarray(0, bytesRead);
    } finally {
      await file.close();
    }
  }
}

function encodeSlot(version: number): Buffer {
  const slot = Buffer.alloc(SLOT_BYTES);
  slot.write(formatSummedLine(String(version)), "latin1");
  return slot;
}

function textAt(bytes: Buffer, slot: number): string {
  return bytes.toString("latin1", slot * SLOT_BYTES, (slot + 1) * SLOT_BYTES).replace(/\n?\0*$/, "");
}

/** Undefined if the slot is not intact. */
function slotAt(bytes: Buffer, slot: number): number | undefined {
  const version = parseSummedLine(textAt(bytes, slot));
  return version !== undefined && DECIMAL.test(version) ? Number(version) : undefined;
}

function unlessMissing(error: unknown): undefined {
  if (errnoOf(error) !== "ENOENT") throw error;
}

function damaged(sizeBytes: number): CacheError {
  return new CacheError("INVALID_CONFIG", "the storage directory's version floor is damaged", {
    facts: { path: VERSION_FLOOR_FILE, sizeBytes, versionMax: LIMITS.versionMax },
  });
}
