/**
 * A disk engine that is watched: before every step on the disk, and whenever it is asked, the sizes of all files below its directory
 * are summed and compared with what they may be together.
 */
import fs from "node:fs";
import path from "node:path";
import type { DiskStep } from "../../../src/storage/disk/disk-steps.ts";
import { DiskStorage } from "../../../src/storage/disk/disk-storage.ts";

/** Files that are the engine's own and do not count. */
const OWN_FILES: ReadonlySet<string> = new Set([".version-floor", ".retention", ".lock"]);

export class BoundedDisk {
  readonly directory: string;
  readonly #bytesMax: number;
  /** The most there ever was. */
  mostBytes = 0;
  /** Times the floor was written. */
  floorWrites = 0;

  constructor(directory: string, bytesMax: number) {
    this.directory = directory;
    this.#bytesMax = bytesMax;
  }

  open(): DiskStorage {
    return new DiskStorage({ directory: this.directory, beforeStep: (step) => this.#watch(step) });
  }

  /** Each file once: one that is moved by another thread while this looks may be seen at both places. */
  sizeBytes(): number {
    const sizes = new Map<number, number>();
    for (const file of files(this.directory)) {
      const status = fs.statSync(file, { throwIfNoEntry: false });
      if (status !== undefined) sizes.set(status.ino, status.size);
    }
    return [...sizes.values()].reduce((sum, size) => sum + size, 0);
  }

  check(): void {
    this.mostBytes = Math.max(this.mostBytes, this.sizeBytes());
    if (this.mostBytes > this.#bytesMax)
      throw new Error(`${this.mostBytes} bytes on disk, not ${this.#bytesMax}`);
  }

  #watch(step: DiskStep): void {
    if (step === "renameFloor") this.floorWrites += 1;
    this.check();
  }
}

function* files(directory: string): Generator<string> {
  for (const entry of entriesOf(directory)) {
    const inner = path.join(directory, entry.name);
    if (entry.isDirectory()) yield* files(inner);
    else if (entry.isFile() && !OWN_FILES.has(entry.name) && !entry.name.startsWith("floor-")) yield inner;
  }
}

/** A directory may be removed by another thread while this looks. */
function entriesOf(directory: string): fs.Dirent[] {
  return fs.existsSync(directory) ? fs.readdirSync(directory, { withFileTypes: true }) : [];
}
