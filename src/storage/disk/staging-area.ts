/**
 * `.staging`: where files are written before they are objects, under names that can never be an object's.
 *
 * Makes, moves and drops staged files; at start sweeps what a process that died left behind. Directories of
 * applications and sessions are made only when a move finds them missing, so a put to an existing session costs none.
 */
import { randomBytes } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { errnoOf } from "./disk-failure.ts";
import type { DiskTools } from "./disk-tools.ts";
import { STAGING_DIRECTORY } from "./file-names.ts";

/** A staged file on disk; `fd` is undefined once it was closed. */
export interface StagedPath {
  readonly path: string;
  readonly fd: number | undefined;
}

export interface SweptFiles {
  readonly files: number;
  readonly bytes: number;
}

export class StagingArea {
  readonly #tools: DiskTools;
  readonly #directory: string;
  /** Of this process and no other, also where no lock keeps a second one out. */
  readonly #tag = randomBytes(6).toString("hex");
  #nextNumber = 1;

  constructor(tools: DiskTools) {
    this.#tools = tools;
    this.#directory = `${tools.root}/${STAGING_DIRECTORY}`;
  }

  /** Makes an empty staged file; also the directory, should somebody have removed it. */
  async create(): Promise<{ path: string; fd: number }> {
    const stagedPath = `${this.#directory}/${this.#tag}-${this.#nextNumber++}`;
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
    const { root, steps, gate, recorder } = this.#tools;
    const move = () => steps.renameIntoPlace(stagedPath, `${root}/${target}`, sizeBytes);
    if (await isDone(move)) return;
    await gate.pass(async () => {
      // Whoever was before us in the gate may have made the directory.
      if (await isDone(move)) return;
      const directory = path.dirname(`${root}/${target}`);
      const made = await steps.makeDirectory(directory);
      if (made !== undefined) recorder.began(target, path.relative(root, made));
      await move();
    });
  }

  /** Closes and unlinks; what cannot be unlinked is left for the next start's sweep. */
  async drop(staged: StagedPath): Promise<void> {
    if (staged.fd !== undefined) await this.#tools.steps.closeStaged(staged.fd).catch(() => {});
    await this.#tools.steps.unlinkStaged(staged.path).catch(() => {});
  }

  /** Removes everything staged by processes that are no more. Only while the lock is held. */
  async sweep(): Promise<SweptFiles> {
    let files = 0;
    let bytes = 0;
    for await (const entry of await fs.promises.opendir(this.#directory)) {
      const leftover = `${this.#directory}/${entry.name}`;
      bytes += (await fs.promises.lstat(leftover)).size;
      files += 1;
      await fs.promises.rm(leftover, { recursive: true, force: true });
    }
    return { files, bytes };
  }
}

/** False when a directory on the way is missing. */
async function isDone(move: () => Promise<void>): Promise<boolean> {
  try {
    await move();
    return true;
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return false;
    throw error;
  }
}
