/**
 * Writes a local file under a temporary name in the same directory and renames it when complete.
 *
 * If anything fails before, an existing file stays unchanged. A symbolic link is followed, so its
 * target is replaced. A target that is not a regular file, such as /dev/null or a pipe, is written
 * directly. No fsync: the file is the user's, and the system writes it back in its own time.
 */
import { randomBytes } from "node:crypto";
import fs from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileFailure } from "./failure.ts";

export class LocalOutput {
  readonly #path: string;
  readonly #temporaryPath: string | undefined;
  readonly #handle: fs.promises.FileHandle;
  #isOpen = true;

  private constructor(path: string, temporaryPath: string | undefined, handle: fs.promises.FileHandle) {
    this.#path = path;
    this.#temporaryPath = temporaryPath;
    this.#handle = handle;
  }

  /** @throws {VerbError} noOutput */
  static async open(path: string): Promise<LocalOutput> {
    try {
      const target = await fs.promises.realpath(path).catch(() => path);
      const existing = await fs.promises.stat(target).catch(() => undefined);
      if (existing?.isDirectory() === true) throw Object.assign(new Error("a directory"), { code: "EISDIR" });
      if (existing !== undefined && !existing.isFile()) {
        return new LocalOutput(target, undefined, await fs.promises.open(target, "w"));
      }
      const temporary = join(
        dirname(target),
        `.${basename(target).slice(0, 100)}.${randomBytes(6).toString("hex")}.part`,
      );
      const handle = await fs.promises.open(
        temporary,
        "wx",
        existing === undefined ? 0o666 : existing.mode & 0o777,
      );
      return new LocalOutput(target, temporary, handle);
    } catch (error) {
      throw fileFailure("noOutput", path, error);
    }
  }

  /** @throws {VerbError} noOutput */
  async write(views: readonly Uint8Array[]): Promise<void> {
    try {
      for (const view of views) await writeAll(this.#handle, view);
    } catch (error) {
      throw fileFailure("noOutput", this.#path, error);
    }
  }

  /** Renames the file to its final name. @throws {VerbError} noOutput */
  async commit(): Promise<void> {
    try {
      await this.#handle.close();
      if (this.#temporaryPath !== undefined) await fs.promises.rename(this.#temporaryPath, this.#path);
      this.#isOpen = false;
    } catch (error) {
      throw fileFailure("noOutput", this.#path, error);
    }
  }

  /** Removes the temporary file; does nothing after `commit`. */
  async discard(): Promise<void> {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    await this.#handle.close().catch(() => {});
    if (this.#temporaryPath !== undefined)
      await fs.promises.rm(this.#temporaryPath, { force: true }).catch(() => {});
  }
}

async function writeAll(handle: fs.promises.FileHandle, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    done += (await handle.write(bytes, done, bytes.length - done)).bytesWritten;
  }
}
