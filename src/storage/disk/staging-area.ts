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
import type { DiskSteps } from "./disk-steps.ts";
import { STAGING_DIRECTORY } from "./file-names.ts";
import { PublishTurn } from "./publish-turn.ts";

/** A removal may take an empty session's directory away between our mkdir and our rename; it cannot go on for ever. */
const MOVE_ATTEMPTS_MAX = 8;

export interface SweptFiles {
  readonly files: number;
  readonly bytes: number;
}

export class StagingArea {
  readonly steps: DiskSteps;
  readonly turn = new PublishTurn();
  readonly directoryName = STAGING_DIRECTORY;
  readonly #root: string;
  /** Of this process and no other, also where no lock keeps a second one out. */
  readonly #tag = randomBytes(6).toString("hex");
  #nextNumber = 1;

  /** @param root the storage directory, absolute. */
  constructor(root: string, steps: DiskSteps) {
    this.#root = root;
    this.steps = steps;
  }

  newPath(): string {
    const number = this.#nextNumber++;
    return `${this.#root}/${STAGING_DIRECTORY}/${this.#tag}-${number}`;
  }

  async create(): Promise<{ fd: number; path: string }> {
    const stagedPath = this.newPath();
    try {
      return { fd: await this.steps.createStaged(stagedPath), path: stagedPath };
    } catch (error) {
      if (errnoOf(error) !== "ENOENT") throw error;
      await this.steps.makeDirectory(path.dirname(stagedPath));
      return { fd: await this.steps.createStaged(stagedPath), path: stagedPath };
    }
  }

  /** Writes and publishes a whole small file, blocking. Leaves nothing staged when it fails. */
  publishWholeSync(chunks: Uint8Array[], target: string): void {
    const stagedPath = this.newPath();
    let fd: number | undefined;
    try {
      fd = this.#createSync(stagedPath);
      this.steps.writeStagedSync(fd, chunks, 0);
      const written = fd;
      fd = undefined;
      this.steps.closeStagedSync(written);
      this.#moveIntoPlaceSync(stagedPath, target);
    } catch (error) {
      if (fd !== undefined) fs.closeSync(fd);
      fs.rmSync(stagedPath, { force: true });
      throw error;
    }
  }

  /** The same over the thread pool. */
  async publishWhole(chunks: Uint8Array[], target: string): Promise<void> {
    const staged = await this.create();
    let fd = staged.fd;
    try {
      await this.steps.writeStaged(fd, chunks, 0);
      fd = -1;
      await this.steps.closeStaged(staged.fd);
      await this.moveIntoPlace(staged.path, target);
    } catch (error) {
      await this.drop({ fd, path: staged.path });
      throw error;
    }
  }

  /** @param target relative to the storage directory. */
  async moveIntoPlace(stagedPath: string, target: string): Promise<void> {
    const targetPath = `${this.#root}/${target}`;
    for (let attempt = 1; ; attempt++) {
      try {
        await this.steps.renameIntoPlace(stagedPath, targetPath);
        return;
      } catch (error) {
        if (errnoOf(error) !== "ENOENT" || attempt === MOVE_ATTEMPTS_MAX) throw error;
        await this.steps.makeDirectory(path.dirname(targetPath));
      }
    }
  }

  /** Closes and unlinks; what cannot be unlinked is left for the next start's sweep. */
  async drop(staged: { readonly fd: number; readonly path: string }): Promise<void> {
    if (staged.fd >= 0) await this.steps.closeStaged(staged.fd).catch(() => {});
    await this.steps.unlinkStaged(staged.path).catch(() => {});
  }

  /** Removes everything staged by processes that are no more. Only while the lock is held. */
  async sweep(): Promise<SweptFiles> {
    const directory = `${this.#root}/${STAGING_DIRECTORY}`;
    await this.steps.makeDirectory(directory);
    let files = 0;
    let bytes = 0;
    for await (const entry of await fs.promises.opendir(directory)) {
      const leftover = `${directory}/${entry.name}`;
      bytes += (await fs.promises.lstat(leftover)).size;
      files += 1;
      await fs.promises.rm(leftover, { recursive: true, force: true });
    }
    return { files, bytes };
  }

  #createSync(stagedPath: string): number {
    try {
      return this.steps.createStagedSync(stagedPath);
    } catch (error) {
      if (errnoOf(error) !== "ENOENT") throw error;
      this.steps.makeDirectorySync(path.dirname(stagedPath));
      return this.steps.createStagedSync(stagedPath);
    }
  }

  #moveIntoPlaceSync(stagedPath: string, target: string): void {
    const targetPath = `${this.#root}/${target}`;
    for (let attempt = 1; ; attempt++) {
      try {
        this.steps.renameIntoPlaceSync(stagedPath, targetPath);
        return;
      } catch (error) {
        if (errnoOf(error) !== "ENOENT" || attempt === MOVE_ATTEMPTS_MAX) throw error;
        this.steps.makeDirectorySync(path.dirname(targetPath));
      }
    }
  }
}
