/**
 * Opens one file by its path, for commands that inspect storage from outside.
 *
 * Plain sequential reads through the thread pool; unlike the engine's files these are not tuned or
 * counted.
 */
import fs from "node:fs";
import { CacheError } from "../../errors.ts";
import type { StoredFile } from "../object-storage.ts";
import { errnoOf, isMissing } from "./disk-failure.ts";

/** Undefined if it is not a regular file. Follows links. @throws {CacheError} STORAGE_IO */
export async function openSurveyFile(path: string): Promise<SurveyFile | undefined> {
  try {
    const handle = await fs.promises.open(path, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
    const status = await handle.stat();
    if (status.isFile()) return new SurveyFile(handle, status.size);
    await handle.close();
    return undefined;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw readFailure(error);
  }
}

export class SurveyFile implements StoredFile {
  readonly sizeBytes: number;
  readonly #handle: fs.promises.FileHandle;

  constructor(handle: fs.promises.FileHandle, sizeBytes: number) {
    this.#handle = handle;
    this.sizeBytes = sizeBytes;
  }

  async read(position: number, lengthBytes: number): Promise<Buffer> {
    const bytes = Buffer.allocUnsafeSlow(lengthBytes);
    let done = 0;
    try {
      while (done < lengthBytes) {
        const { bytesRead } = await this.#handle.read(bytes, done, lengthBytes - done, position + done);
        if (bytesRead === 0) throw new CacheError("OBJECT_CORRUPT", "the file is shorter than it should be");
        done += bytesRead;
      }
    } catch (error) {
      throw readFailure(error);
    }
    return bytes;
  }

  close(): void {
    void this.#handle.close().catch(() => {});
  }
}

function readFailure(error: unknown): unknown {
  const reason = errnoOf(error);
  if (reason === undefined) return error;
  return new CacheError("STORAGE_IO", `the file cannot be read: ${reason}`, { cause: error });
}
