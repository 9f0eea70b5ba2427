/**
 * The directory of the local copies: what may be in it, and what an earlier process left.
 *
 *     copies/NAME       a whole copy; NAME is 40 hex digits
 *     copies/NAME.TAG   a copy that is being written; TAG is 12 hex digits of one process
 *
 * Everything else belongs to somebody else and stays; links are not followed.
 */
import { createHash, randomBytes } from "node:crypto";
import fs from "node:fs";
import { CacheError } from "../../errors.ts";
import { type DirectoryUse, errnoOf } from "../disk/disk-failure.ts";
import { LOG_DIRECTORY, STAGING_DIRECTORY } from "../disk/file-names.ts";

export const COPIES_DIRECTORY = "copies";
export const LOCAL_CACHE: DirectoryUse = { name: "local cache", flag: "--local-cache" };

const NAME_DIGITS = 40;
const FOUND = /^([0-9a-f]{40})(?:\.([0-9a-f]{12}))?$/;
const READ_WRITE_ENTER = fs.constants.R_OK | fs.constants.W_OK | fs.constants.X_OK;
/** Files that are looked at together. */
const LOOKS_AT_ONCE = 16;

/** @param blobName the name in the bucket, of which no two have the same bytes. */
export function formatCopyName(blobName: string): string {
  return createHash("sha256").update(blobName).digest("hex").slice(0, NAME_DIGITS);
}

/** Differs from that of every other process. */
export function randomTag(): string {
  return randomBytes(6).toString("hex");
}

/** @throws {CacheError} INVALID_CONFIG, or the plain error of node:fs. */
export async function prepareCopies(root: string): Promise<void> {
  for (const name of [STAGING_DIRECTORY, LOG_DIRECTORY]) {
    if ((await natureOf(`${root}/${name}`)) !== undefined) {
      throw unusable(root, "it is the directory of a server with storage files");
    }
  }
  const copies = `${root}/${COPIES_DIRECTORY}`;
  await fs.promises.mkdir(root, { recursive: true, mode: 0o700 });
  await fs.promises.mkdir(copies, { mode: 0o700 }).catch((error: unknown) => {
    if (errnoOf(error) !== "EEXIST") throw error;
  });
  if ((await natureOf(copies))?.isDirectory() !== true) {
    throw unusable(root, `${COPIES_DIRECTORY} in it is not a directory`);
  }
  await fs.promises.access(copies, READ_WRITE_ENTER);
}

function unusable(directory: string, reason: string): CacheError {
  const text = `the local cache ${directory} cannot be used: ${reason}; --local-cache names another`;
  return new CacheError("INVALID_CONFIG", text, { facts: { directory } });
}

async function natureOf(path: string): Promise<fs.Stats | undefined> {
  try {
    return await fs.promises.lstat(path);
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw error;
  }
}

/** What a scan finds. `part`: an earlier process died while it wrote it. */
export type FoundCopy =
  | { readonly kind: "copy"; readonly name: string; readonly sizeBytes: number; readonly usedMs: number }
  | { readonly kind: "part"; readonly fileName: string };

/** @param tag of this process, whose own files are left out. @throws the plain error of node:fs */
export async function* scanCopies(root: string, tag: string): AsyncGenerator<FoundCopy> {
  const directory = `${root}/${COPIES_DIRECTORY}`;
  let names: string[] = [];
  for await (const entry of await fs.promises.opendir(directory, { bufferSize: 256 })) {
    const [fileName, name, itsTag] = FOUND.exec(entry.name) ?? [];
    if (name === undefined || fileName === undefined || !entry.isFile() || itsTag === tag) continue;
    if (itsTag !== undefined) yield { kind: "part", fileName };
    else names.push(name);
    if (names.length < LOOKS_AT_ONCE) continue;
    yield* await lookAt(directory, names);
    names = [];
  }
  yield* await lookAt(directory, names);
}

async function lookAt(directory: string, names: readonly string[]): Promise<FoundCopy[]> {
  const found = await Promise.all(
    names.map(async (name): Promise<FoundCopy | undefined> => {
      const status = await natureOf(`${directory}/${name}`);
      if (status?.isFile() !== true) return undefined;
      // Some file systems record reads late or never.
      const usedMs = Math.max(status.atimeMs, status.mtimeMs);
      return { kind: "copy", name, sizeBytes: status.size, usedMs };
    }),
  );
  return found.filter((each) => each !== undefined);
}
