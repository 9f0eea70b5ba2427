/**
 * A memory tier over a disk engine whose opens and reads are counted, can be held up, and can fail.
 */
import { onTestFinished } from "vitest";
import type { EvictionPolicy } from "../../../../src/eviction/eviction-policy.ts";
import { LruPolicy } from "../../../../src/eviction/lru-policy.ts";
import { DiskStorage } from "../../../../src/storage/disk/disk-storage.ts";
import type { StoredName } from "../../../../src/storage/object-storage.ts";
import type { SourceFile } from "../../../../src/storage/tier/file-load.ts";
import { MemoryTier } from "../../../../src/storage/tier/memory-tier.ts";
import { scratchDirectory } from "../scratch-directory.ts";

export const KIB = 1024;
export const MIB = 1024 * KIB;

/** What stands between the engine and the disk: by default nothing. */
export class WatchedDisk extends DiskStorage {
  opens = 0;
  /** Bytes that were asked for, those of loads and of other reads. */
  bytesRead = 0;
  /** Awaited after the file is open and before it is handed out. */
  beforeOpened: () => Promise<void> | undefined = () => undefined;
  /** Awaited before the bytes at this position are read. */
  beforeRead: (position: number) => Promise<void> | undefined = () => undefined;

  protected override async openFile(name: StoredName): Promise<SourceFile | undefined> {
    this.opens += 1;
    const file = await super.openFile(name);
    await this.beforeOpened();
    if (file === undefined) return undefined;
    const readInto = file.readInto.bind(file);
    file.readInto = async (bytes, position) => {
      this.bytesRead += bytes.length;
      await this.beforeRead(position);
      await readInto(bytes, position);
    };
    return file;
  }
}

export interface WatchedTier {
  readonly disk: WatchedDisk;
  readonly tier: MemoryTier;
  readonly directory: string;
}

/** A file of an engine that is not a disk. */
export class RemoteFile implements SourceFile {
  readonly sizeBytes: number;
  readonly revision: string;
  readonly #content: Buffer;

  constructor(content: Buffer, revision: string) {
    this.sizeBytes = content.length;
    this.revision = revision;
    this.#content = content;
  }

  async read(position: number, lengthBytes: number): Promise<Buffer> {
    return this.#content.subarray(position, position + lengthBytes);
  }

  async readInto(bytes: Buffer, position: number): Promise<void> {
    this.#content.copy(bytes, 0, position);
  }

  close(): void {}
}

/** Started, and stopped when the test is over. */
export async function watchedTier(
  bytesMax = 64 * MIB,
  policy: EvictionPolicy = new LruPolicy(),
): Promise<WatchedTier> {
  const directory = scratchDirectory();
  const tier = new MemoryTier({ policy, bytesMax });
  const disk = new WatchedDisk({ directory, tier });
  await disk.start();
  onTestFinished(() => disk.stop());
  return { disk, tier, directory };
}

/** Reads all of a file, and says that the bytes are not needed any more. */
export async function readAndDone(disk: WatchedDisk, name: StoredName): Promise<void> {
  const file = (await disk.open(name))!;
  await file.read(0, file.sizeBytes);
  file.close(true);
}

/** A door that is opened once. */
export function gate(): { opened: Promise<void>; open: () => void } {
  let open!: () => void;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}
