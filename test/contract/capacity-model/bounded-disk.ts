/**
 * A disk engine whose files are summed when all of them have come to rest, and compared with what they may be together.
 *
 * Small files are removed behind the answer, so there may be more for a moment.
 */
import fs from "node:fs";
import path from "node:path";
import { DiskStorage } from "../../../src/storage/disk/disk-storage.ts";

/** The engine's own, which do not count. */
const OWN: ReadonlySet<string> = new Set([".log", ".retention", ".lock"]);

export class BoundedDisk {
  readonly directory: string;
  readonly #bytesMax: number;
  /** The most there ever was. */
  mostBytes = 0;
  #storage: DiskStorage | undefined;

  constructor(directory: string, bytesMax: number) {
    this.directory = directory;
    this.#bytesMax = bytesMax;
  }

  open(): DiskStorage {
    const log = { segmentBytes: 256 * 1024, restDelayMs: 0 };
    this.#storage = new DiskStorage({ directory: this.directory, log });
    return this.#storage;
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

  async check(): Promise<void> {
    await this.#storage?.settle();
    this.mostBytes = Math.max(this.mostBytes, this.sizeBytes());
    if (this.mostBytes > this.#bytesMax)
      throw new Error(`${this.mostBytes} bytes on disk, not ${this.#bytesMax}`);
  }
}

function* files(directory: string): Generator<string> {
  for (const entry of entriesOf(directory)) {
    if (OWN.has(entry.name)) continue;
    const inner = path.join(directory, entry.name);
    if (entry.isDirectory()) yield* files(inner);
    else if (entry.isFile()) yield inner;
  }
}

/** A directory may be removed by another thread while this looks. */
function entriesOf(directory: string): fs.Dirent[] {
  return fs.existsSync(directory) ? fs.readdirSync(directory, { withFileTypes: true }) : [];
}
