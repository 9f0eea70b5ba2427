/**
 * One file that the tier keeps or loads: its place in the eviction order, its memory, and its load.
 *
 * Its content comes from the engine, by a load, or from a put, at once. It is in use from the first
 * open to the last close, and while its load fills it. An unused file that is incomplete is dropped
 * at once.
 */
import { assert } from "../../errors.ts";
import { Evictable } from "../../eviction/eviction-policy.ts";
import { formatObjectKey } from "../../object/object-key.ts";
import { MemoryFile, type MemoryOwner } from "../memory/memory-file.ts";
import type { ShelvedFile } from "../memory/memory-shelf.ts";
import type { StoredFile, StoredName } from "../object-storage.ts";
import { type FileIdentity, FileLoad, type LoadHost, type SourceFile } from "./file-load.ts";
import { LoadingFile } from "./loading-file.ts";

export interface KeptFileHost {
  /** The file is now in use, or no longer. */
  used(file: KeptFile, isInUse: boolean): void;
  /** The file cannot be completed and must be dropped. */
  giveUp(file: KeptFile): void;
  /** It has been dropped and nobody has it open. */
  takeBack(slabs: readonly Buffer[], memory: { sizeBytes: number; isLent: boolean }): void;
}

export interface KeptFileParts {
  readonly name: StoredName;
  readonly file: FileIdentity;
  readonly slabs: readonly Buffer[];
  readonly costBytes: number;
}

export class KeptFile extends Evictable implements ShelvedFile, MemoryOwner, LoadHost {
  readonly name: StoredName;
  readonly sizeBytes: number;
  readonly costBytes: number;
  readonly #revision: string;
  readonly #host: KeptFileHost;
  readonly #memory: MemoryFile;
  #load: FileLoad | undefined;

  /** `load` or `fill` is called before the first open. */
  constructor({ name, file, slabs, costBytes }: KeptFileParts, host: KeptFileHost) {
    super();
    this.name = name;
    this.sizeBytes = file.sizeBytes;
    this.costBytes = costBytes;
    this.#revision = file.revision;
    this.#host = host;
    this.#memory = new MemoryFile({ sizeBytes: file.sizeBytes, slabs, owner: this });
  }

  /** Reads the source as far as readers need it; closes it when that is complete. */
  load(source: SourceFile): void {
    this.#load = new FileLoad(source, this.#memory, this);
  }

  /** Copies the whole content of a small file, whose memory is one buffer. */
  fill(chunks: readonly Uint8Array[]): void {
    const memory = this.#memory.slabs[0]!;
    let filledBytes = 0;
    for (const chunk of chunks) {
      memory.set(chunk, filledBytes);
      filledBytes += chunk.length;
    }
    assert(filledBytes === this.sizeBytes, "the chunks of a put are its whole file");
  }

  get evictionKey(): string {
    const { key, part } = this.name;
    const place = part.kind === "patch" ? `patch/${part.baseVersion}/${part.version}` : part.kind;
    return `${formatObjectKey(key)}/${place}`;
  }

  /** True while a reader has it open or its load fills it. */
  get isInUse(): boolean {
    return this.#memory.isOpen;
  }

  isCopyOf(file: FileIdentity): boolean {
    return file.sizeBytes === this.sizeBytes && file.revision === this.#revision;
  }

  open(): StoredFile {
    const memory = this.#memory.open();
    return this.#load === undefined ? memory : new LoadingFile(memory, this.#load);
  }

  retire(): void {
    this.#memory.retire();
  }

  opened(): void {
    this.#host.used(this, true);
  }

  closed(): void {
    this.#host.used(this, false);
    if (this.#load !== undefined) this.#host.giveUp(this);
  }

  takeBack(slabs: readonly Buffer[], isLent: boolean): void {
    this.#load?.stop();
    this.#host.takeBack(slabs, { sizeBytes: this.sizeBytes, isLent });
  }

  loaded(): void {
    this.#load?.stop();
    this.#load = undefined;
  }

  failed(): void {
    this.#host.giveUp(this);
  }
}
