/**
 * `.staging`: where files are written before they become objects, under names that are never
 * objects'.
 *
 * Creates, moves and drops staged files; at start removes leftovers of dead processes. A large file
 * that is replaced gets a name here until its blocks are freed. Directories of applications and
 * sessions are created only if a move finds them missing, so that a put to an existing session costs
 * none.
 */
import { randomBytes } from "node:crypto";
import fs from "node:fs";
import { LIMITS } from "../../limits.ts";
import { logFor } from "../../log.ts";
import { errnoOf, isMissing } from "./disk-failure.ts";
import type { DirectoryTools } from "./disk-tools.ts";
import { STAGING_DIRECTORY } from "./file-names.ts";
import { directoryOf, foreignDirectory } from "./real-directories.ts";
import { removeEmptyDirectories } from "./removal.ts";

const log = logFor("storage");

/** A staged file on disk; `fd` is undefined after it was closed. */
export interface StagedPath {
  readonly path: string;
  readonly fd: number | undefined;
}

export interface SweptFiles {
  readonly files: number;
  readonly bytes: number;
}

export class StagingArea {
  readonly #tools: DirectoryTools;
  readonly #directory: string;
  /** Unique to this process, even without a directory lock. */
  readonly #tag = randomBytes(6).toString("hex");
  #nextNumber = 1;
  /** Removals of second names of replaced files. */
  readonly #leaving = new Set<Promise<void>>();

  constructor(tools: DirectoryTools) {
    this.#tools = tools;
    this.#directory = `${tools.root}/${STAGING_DIRECTORY}`;
  }

  /** Creates an empty staged file; also the directory, if somebody removed it. */
  async create(): Promise<{ path: string; fd: number }> {
    const stagedPath = this.#newPath();
    try {
      return { path: stagedPath, fd: await this.#tools.steps.createStaged(stagedPath) };
    } catch (error) {
      if (errnoOf(error) !== "ENOENT") throw error;
      await this.#tools.steps.makeDirectory(this.#directory);
      return { path: stagedPath, fd: await this.#tools.steps.createStaged(stagedPath) };
    }
  }

  /** @param target relative to the storage directory. */
  async moveIntoPlace(stagedPath: string, target: string, sizeBytes: number): Promise<void> {
    const { root, steps, gate, directories } = this.#tools;
    const directory = directoryOf(target);
    const known = directories.nature(directory);
    const nature = typeof known === "string" ? known : await known;
    if (nature === "foreign") throw foreignDirectory(directory);
    const move = () => this.#replace(stagedPath, `${root}/${target}`, sizeBytes);
    if (nature === "real" && (await isDone(move))) return;
    try {
      await gate.pass(async () => {
        // An earlier caller in the gate may have created the directory.
        const now = await directories.look(directory);
        if (now === "foreign") throw foreignDirectory(directory);
        if (now === "real" && (await isDone(move))) return;
        await steps.makeDirectory(`${root}/${directory}`);
        await move();
      });
    } catch (error) {
      // If the session's directory did not fit on the disk, the application's new directory is
      // removed too.
      await removeEmptyDirectories(this.#tools, directory);
      throw error;
    }
  }

  /**
   * To free an older file's blocks takes 10 ms for 16 MiB. So it gets a second name here before it
   * is replaced, and is freed behind the answer.
   */
  async #replace(stagedPath: string, target: string, sizeBytes: number): Promise<void> {
    const { steps } = this.#tools;
    const mayKeep = sizeBytes > LIMITS.logFileBytesMax && this.#leaving.size < LIMITS.replacedFilesMax;
    const kept = mayKeep ? await this.#linked(target) : undefined;
    try {
      await steps.renameIntoPlace(stagedPath, target, sizeBytes);
    } catch (error) {
      if (kept !== undefined) await this.drop({ path: kept, fd: undefined });
      throw error;
    }
    if (kept !== undefined) this.#dropBehind(kept);
  }

  /** Undefined if there is no such file, or the file system has no second names. */
  async #linked(target: string): Promise<string | undefined> {
    const kept = this.#newPath();
    try {
      await this.#tools.steps.linkReplaced(target, kept);
      return kept;
    } catch {
      return undefined;
    }
  }

  #dropBehind(path: string): void {
    const leaving = this.drop({ path, fd: undefined }).finally(() => this.#leaving.delete(leaving));
    this.#leaving.add(leaving);
  }

  /** Resolves when replaced files are freed. @returns how many. */
  async freed(): Promise<number> {
    return (await Promise.all(this.#leaving)).length;
  }

  #newPath(): string {
    return `${this.#directory}/${this.#tag}-${this.#nextNumber++}`;
  }

  /** Closes and unlinks. What cannot be unlinked is left for the next start. */
  async drop(staged: StagedPath): Promise<void> {
    if (staged.fd !== undefined) await this.#tools.steps.closeStaged(staged.fd).catch(() => {});
    await this.#tools.steps.unlinkStaged(staged.path).catch(() => {});
  }

  /**
   * Removes all staged files of earlier processes. Only while the lock is held. Failures are
   * logged.
   */
  async sweep(): Promise<SweptFiles> {
    let files = 0;
    let bytes = 0;
    for (const name of await this.#leftovers()) {
      const leftover = `${this.#directory}/${name}`;
      try {
        const { size } = await fs.promises.lstat(leftover);
        await fs.promises.rm(leftover, { recursive: true, force: true });
        bytes += size;
        files += 1;
      } catch (error) {
        const facts = { path: `${STAGING_DIRECTORY}/${name}`, errno: errnoOf(error) };
        log.warn("a staged file of an earlier process could not be removed", facts);
      }
    }
    return { files, bytes };
  }

  /** None if the directory could not be created. */
  async #leftovers(): Promise<string[]> {
    try {
      return await fs.promises.readdir(this.#directory);
    } catch (error) {
      if (isMissing(error)) return [];
      throw error;
    }
  }
}

/** False if a directory on the way is missing. */
async function isDone(move: () => Promise<void>): Promise<boolean> {
  try {
    await move();
    return true;
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return false;
    throw error;
  }
}
