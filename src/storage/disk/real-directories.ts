/**
 * Tells whether a directory under the storage directory is one, with all around it, or a link stands on the way: what lies behind
 * a link is somebody else's, and is neither read nor written nor removed.
 *
 * What was found to be real is believed for LIMITS.directoryTrustMs, so that a get or a put costs a look into a map; what removes
 * or moves something has every component looked at anew, 2 us each while the disk is quick. Whoever may write to the storage
 * directory can still put a link there between the look and the step: the window is some microseconds.
 */
import fs from "node:fs";
import { CacheError } from "../../errors.ts";
import { LIMITS } from "../../limits.ts";
import { logFor } from "../../log.ts";
import { errnoOf } from "./disk-failure.ts";
import type { DiskPace } from "./disk-pace.ts";

const log = logFor("storage");

/** `foreign`: a link, or no directory at all, stands somewhere on the way. */
export type DirectoryNature = "real" | "missing" | "foreign";

export class RealDirectories {
  readonly #root: string;
  readonly #pace: DiskPace;
  readonly #nowMs: () => number;
  /** Until when each is believed to be real. */
  readonly #real = new Map<string, number>();
  /** Those that were logged. */
  readonly #foreign = new Set<string>();

  /** @param root the storage directory, absolute. @param nowMs a clock that never goes back. */
  constructor(root: string, pace: DiskPace, nowMs: () => number = () => performance.now()) {
    this.#root = root;
    this.#pace = pace;
    this.#nowMs = nowMs;
  }

  /** @param directory relative to the storage directory. */
  nature(directory: string): DirectoryNature | Promise<DirectoryNature> {
    const untilMs = this.#real.get(directory);
    return untilMs !== undefined && untilMs > this.#nowMs() ? "real" : this.look(directory);
  }

  /** The same, believing nothing. @throws the bare error of node:fs */
  async look(directory: string): Promise<DirectoryNature> {
    for (let end = directory.indexOf("/"); ; end = directory.indexOf("/", end + 1)) {
      const path = end === -1 ? directory : directory.slice(0, end);
      const nature = await this.#natureOf(path);
      if (nature === "foreign") this.#tell(path);
      if (nature !== "real") {
        this.#real.delete(directory);
        return nature;
      }
      if (end === -1) break;
    }
    if (this.#real.size >= LIMITS.lastingDirectoriesMax) this.#real.clear();
    this.#real.set(directory, this.#nowMs() + LIMITS.directoryTrustMs);
    return "real";
  }

  async #natureOf(path: string): Promise<DirectoryNature> {
    const absolute = `${this.#root}/${path}`;
    try {
      const status = this.#pace.isQuick
        ? this.#pace.block(() => fs.lstatSync(absolute))
        : await fs.promises.lstat(absolute);
      return status.isDirectory() ? "real" : "foreign";
    } catch (error) {
      if (errnoOf(error) === "ENOENT") return "missing";
      if (errnoOf(error) === "ENOTDIR") return "foreign";
      throw error;
    }
  }

  #tell(path: string): void {
    if (this.#foreign.has(path)) return;
    if (this.#foreign.size >= LIMITS.lastingDirectoriesMax) this.#foreign.clear();
    this.#foreign.add(path);
    log.warn("a link, or no directory, in place of a directory: what lies behind it is left alone", { path });
  }
}

/** A write, or a move, that would have followed a link. */
export function foreignDirectory(path: string): CacheError {
  const facts = { path, errno: "ELOOP" };
  log.error("nothing is written behind a link in place of a directory", facts);
  return new CacheError("STORAGE_IO", "a link, or no directory, lies in place of a directory", { facts });
}

/** The directory of a file's path under the storage directory. */
export function directoryOf(file: string): string {
  return file.slice(0, file.lastIndexOf("/"));
}
