/**
 * `verify DIR`: reads every object file in a storage directory and prints damaged or incomplete
 * files.
 *
 * Prints one line per bad file and two lines per file in quarantine on standard output, and the
 * counts on standard error. A file in quarantine is no longer an object, so it does not count as
 * damage. Objects that only the log has are read there. Changes nothing, and a server may be
 * running: a file that is removed meanwhile is skipped, and a file that is still being written
 * counts as incomplete.
 */
import { join, resolve } from "node:path";
import { type CacheError, isCacheError } from "../errors.ts";
import { escapeInvisible } from "../log-format.ts";
import type { ByteSource } from "../object/byte-sink.ts";
import { verifyObject } from "../object/verify-object.ts";
import { errnoOf } from "../storage/disk/disk-failure.ts";
import { isStorageDirectory, type SurveyedPath, surveyDirectory } from "../storage/disk/disk-survey.ts";
import { surveyLog } from "../storage/disk/log/survey-log.ts";
import { surveyQuarantine } from "../storage/disk/quarantine-reason.ts";
import { openSurveyFile } from "../storage/disk/survey-file.ts";
import { formOfPart } from "../storage/object-part.ts";
import type { ObjectPart } from "../storage/object-storage.ts";
import type { CommandContext } from "./command-context.ts";
import type { ExitName } from "./exit-codes.ts";

export async function verify(
  directory: string,
  { stdout, stderr }: Pick<CommandContext, "stdout" | "stderr">,
): Promise<ExitName> {
  const refuse = (text: string): ExitName => {
    stderr.write(`${escapeInvisible(`${directory}: ${text}`)}\n`);
    return "noInput";
  };
  const counts = { files: 0, inLog: 0, bad: 0 };
  try {
    for await (const { path, problem, isInLog } of checkAll(directory)) {
      counts.files += 1;
      if (isInLog) counts.inLog += 1;
      if (problem === undefined) continue;
      counts.bad += 1;
      stdout.write(`${escapeInvisible(`${path}${isInLog ? " (in the log)" : ""}: ${problem}`)}\n`);
    }
  } catch (error) {
    // Only a failure of the directory itself ends the survey.
    if (!isCacheError(error, "STORAGE_IO")) throw error;
    return refuse(describeUnreadable(error));
  }
  const wrong = counts.files === 0 ? wrongDirectory(directory) : undefined;
  if (wrong !== undefined) return refuse(wrong);
  const quarantined = await showQuarantine(directory, stdout);
  const more = quarantined === 0 ? "" : `, ${quarantined} in quarantine`;
  const inLog = counts.inLog === 0 ? "" : ` (${counts.inLog} only in the log)`;
  stderr.write(`${counts.files} files${inLog}, ${counts.bad} damaged or incomplete${more}\n`);
  return counts.bad === 0 ? "ok" : "damaged";
}

interface Checked {
  readonly path: string;
  /** Undefined if it is intact. */
  readonly problem: string | undefined;
  readonly isInLog: boolean;
}

/** @throws {CacheError} STORAGE_IO if the directory itself cannot be read. */
async function* checkAll(directory: string): AsyncGenerator<Checked> {
  // Before the directory: what comes to rest meanwhile is read in one of them.
  const survey = await surveyLog(directory);
  try {
    for (const path of survey?.unreadable ?? []) yield { path, problem: "it cannot be read", isInLog: false };
    for await (const found of surveyDirectory(directory)) {
      if (survey?.decides(found.path)) continue;
      yield { path: found.path, problem: await problemOf(directory, found), isInLog: false };
    }
    for (const logged of survey?.objects ?? []) {
      const source = logged.read();
      const problem = source ? await damageOf(source, logged.part) : await problemOf(directory, logged);
      yield { path: logged.path, problem, isInLog: source !== undefined };
    }
  } finally {
    await survey?.close();
  }
}

function describeUnreadable(error: CacheError): string {
  switch (errnoOf(error.cause)) {
    case "ENOENT":
      return "no such directory; give the directory of --storage";
    case "ENOTDIR":
      return "is a file, not a directory; use `inspect` for one file";
    default:
      return error.message;
  }
}

/** Why there is nothing to verify; undefined for an empty storage directory. */
function wrongDirectory(directory: string): string | undefined {
  if (isStorageDirectory(directory)) return undefined;
  const above = ["..", "../.."].map((up) => resolve(directory, up)).find(isStorageDirectory);
  if (above !== undefined) return `contains no object files; the storage directory is ${above}`;
  return "contains no object files and is not a storage directory; give the directory of --storage";
}

/** Prints the files in quarantine. @returns their number. */
async function showQuarantine(directory: string, stdout: CommandContext["stdout"]): Promise<number> {
  let count = 0;
  for await (const { path, why } of surveyQuarantine(directory)) {
    count += 1;
    const text = why === undefined ? "reason unknown" : `since ${why.time}: ${why.reason}`;
    stdout.write(`${escapeInvisible(`${path}: in quarantine, ${text}`)}\n`);
    if (why !== undefined) stdout.write(`${escapeInvisible(`  undo: ${why.undo}`)}\n`);
  }
  return count;
}

/** The problem of a file; undefined if the file is intact. */
async function problemOf(directory: string, found: SurveyedPath): Promise<string | undefined> {
  if ("failure" in found) return found.failure.message;
  try {
    const file = await openSurveyFile(join(directory, found.path));
    if (file === undefined) return undefined;
    try {
      return await damageOf(file, found.part);
    } finally {
      file.close();
    }
  } catch (error) {
    return describeDamage(error);
  }
}

async function damageOf(source: ByteSource, part: ObjectPart): Promise<string | undefined> {
  try {
    await verifyObject(source, formOfPart(part));
    return undefined;
  } catch (error) {
    return describeDamage(error);
  }
}

/** The error's text and, if known, its reason. @throws `error` itself if it is not a CacheError. */
export function describeDamage(error: unknown): string {
  if (!isCacheError(error)) throw error;
  const { reason } = error.facts;
  return reason === undefined ? error.message : `${error.message}: ${reason}`;
}
