/**
 * What a durable put costs with no server at all: write aside, sync the file, rename, sync the directory.
 *
 * One client does it in plain calls, which is the least it can take; several do it side by side on the file threads.
 */
import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, writeSync } from "node:fs";
import { type FileHandle, open, rename } from "node:fs/promises";
import { join } from "node:path";
import type { Caller } from "./load-task.ts";

export interface FileCallerOptions {
  readonly directory: string;
  readonly names: readonly string[];
  readonly value: Buffer;
  /** True: the caller is alone, nobody waits while it blocks. */
  readonly isAlone: boolean;
}

export class FileCaller implements Caller {
  readonly #options: FileCallerOptions;

  constructor(options: FileCallerOptions) {
    this.#options = options;
    mkdirSync(options.directory, { recursive: true });
  }

  async put(key: number): Promise<void> {
    const path = join(this.#options.directory, (this.#options.names[key] ?? "").replaceAll("/", "-"));
    if (this.#options.isAlone) this.#putAlone(path);
    else await this.#putBesideOthers(path);
  }

  #putAlone(path: string): void {
    const file = openSync(`${path}.part`, "w");
    writeSync(file, this.#options.value);
    fsyncSync(file);
    closeSync(file);
    renameSync(`${path}.part`, path);
    const directory = openSync(this.#options.directory, "r");
    fsyncSync(directory);
    closeSync(directory);
  }

  async #putBesideOthers(path: string): Promise<void> {
    await withFile(`${path}.part`, "w", async (file) => {
      await file.write(this.#options.value);
      await file.sync();
    });
    await rename(`${path}.part`, path);
    await withFile(this.#options.directory, "r", (directory) => directory.sync());
  }

  get(): Promise<void> {
    return Promise.reject(new Error("bare files are only put here"));
  }

  close(): void {}
}

async function withFile(
  path: string,
  flags: string,
  use: (file: FileHandle) => Promise<void>,
): Promise<void> {
  const file = await open(path, flags);
  try {
    await use(file);
  } finally {
    await file.close();
  }
}
