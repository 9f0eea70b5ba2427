/**
 * Lists every object file below a storage directory, from outside and even while a server runs.
 *
 * It takes no lock, starts no engine and changes nothing. Unlike the scan, it also returns what it
 * cannot read. Names come in order; the names of one directory are in memory at a time.
 */
import fs from "node:fs";
import { CacheError } from "../../errors.ts";
import type { ObjectPart } from "../object-storage.ts";
import { errnoOf, isMissing } from "./disk-failure.ts";
import {
  isInnerDirectory,
  isKeyComponent,
  parseInnerFile,
  parseObjectFileName,
  STAGING_DIRECTORY,
} from "./file-names.ts";

/** `path` is relative to the directory. */
export type SurveyedPath =
  | { readonly path: string; readonly part: ObjectPart }
  | { readonly path: string; readonly failure: CacheError };

/** The levels of applications and sessions. */
const LEVELS_ABOVE_OBJECTS = 2;

/** True for a directory that an engine has started in, whether it holds objects or not. */
export function isStorageDirectory(directory: string): boolean {
  return fs.existsSync(`${directory}/${STAGING_DIRECTORY}`);
}

/** @throws {CacheError} STORAGE_IO if the directory itself cannot be read. */
export function surveyDirectory(root: string): AsyncGenerator<SurveyedPath> {
  return surveyLevel(root, "", LEVELS_ABOVE_OBJECTS);
}

async function* surveyLevel(root: string, path: string, levelsLeft: number): AsyncGenerator<SurveyedPath> {
  const entries = await entriesOf(root, path);
  if ("failure" in entries) {
    if (path === "") throw entries.failure;
    yield { path, failure: entries.failure };
    return;
  }
  for (const entry of entries.list) {
    const inner = path === "" ? entry.name : `${path}/${entry.name}`;
    if (levelsLeft === 0) yield* surveyEntry(root, inner, entry);
    else if (entry.isDirectory() && isKeyComponent(entry.name))
      yield* surveyLevel(root, inner, levelsLeft - 1);
  }
}

/** The content of a session's directory: objects, and directories of patches or deltas. */
async function* surveyEntry(root: string, path: string, entry: fs.Dirent): AsyncGenerator<SurveyedPath> {
  if (entry.isFile()) {
    const found = parseObjectFileName(entry.name);
    if (found !== undefined) yield { path, part: found.part };
    return;
  }
  if (!entry.isDirectory() || !isInnerDirectory(entry.name)) return;
  const entries = await entriesOf(root, path);
  if ("failure" in entries) {
    yield { path, failure: entries.failure };
    return;
  }
  for (const { name } of entries.list) {
    const found = parseInnerFile(entry.name, name);
    if (found !== undefined) yield { path: `${path}/${name}`, part: found.part };
  }
}

/** A directory that disappeared meanwhile is empty; only the topmost must exist. */
async function entriesOf(
  root: string,
  path: string,
): Promise<{ readonly list: readonly fs.Dirent[] } | { readonly failure: CacheError }> {
  try {
    const list = await fs.promises.readdir(`${root}/${path}`, { withFileTypes: true });
    return { list: list.sort((a, b) => (a.name < b.name ? -1 : 1)) };
  } catch (error) {
    if (path !== "" && isMissing(error)) return { list: [] };
    const reason = errnoOf(error);
    if (reason === undefined) throw error;
    const text = `the directory cannot be read: ${reason}`;
    return { failure: new CacheError("STORAGE_IO", text, { cause: error, facts: { path } }) };
  }
}
