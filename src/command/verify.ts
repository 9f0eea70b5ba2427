/**
 * `verify DIR`: reads every object file below a storage directory and tells which are not whole, and what is in quarantine.
 *
 * One line per bad file on standard output, two per file in quarantine, a count on standard error. Quarantine is no damage: what is
 * there is no object any more. Nothing is changed, and a server may be running: a file
 * that is removed meanwhile is passed over, one that a client is still writing counts as not whole.
 */
import { join, resolve } from "node:path";
import { type CacheError, isCacheError } from "../errors.ts";
import { escapeUnseen } from "../log-format.ts";
import { verifyObject } from "../object/verify-object.ts";
import { errnoOf } from "../storage/disk/disk-failure.ts";
import { isStorageDirectory, type SurveyedPath, surveyDirectory } from "../storage/disk/disk-survey.ts";
import { surveyQuarantine } from "../storage/disk/quarantine-reason.ts";
import { openSurveyFile } from "../storage/disk/survey-file.ts";
import { formOfPart } from "../storage/object-part.ts";
import type { CommandContext } from "./command-context.ts";
import type { ExitName } from "./exit-codes.ts";

export async function verify(
  directory: string,
  { stdout, stderr }: Pick<CommandContext, "stdout" | "stderr">,
): Promise<ExitName> {
  const refuse = (text: string): ExitName => {
    stderr.write(`${escapeUnseen(`${directory}: ${text}`)}\n`);
    return "noInput";
  };
  let fileCount = 0;
  let badCount = 0;
  try {
    for await (const found of surveyDirectory(directory)) {
      const problem = await problemOf(directory, found);
      fileCount += 1;
      if (problem === undefined) continue;
      badCount += 1;
      stdout.write(`${escapeUnseen(`${found.path}: ${problem}`)}\n`);
    }
  } catch (error) {
    // Only the directory itself ends a survey.
    if (!isCacheError(error, "STORAGE_IO")) throw error;
    return refuse(describeUnreadable(error));
  }
  const wrong = fileCount === 0 ? wrongDirectory(directory) : undefined;
  if (wrong !== undefined) return refuse(wrong);
  const quarantined = await showQuarantine(directory, stdout);
  const more = quarantined === 0 ? "" : `, ${quarantined} in quarantine`;
  stderr.write(`${fileCount} files, ${badCount} not whole${more}\n`);
  return badCount === 0 ? "ok" : "damaged";
}

function describeUnreadable(error: CacheError): string {
  switch (errnoOf(error.cause)) {
    case "ENOENT":
      return "no such directory; give the directory that --storage names";
    case "ENOTDIR":
      return "is a file, not a directory; `inspect` shows one file";
    default:
      return error.message;
  }
}

/** Why there is nothing to verify; undefined for a storage directory that is empty. */
function wrongDirectory(directory: string): string | undefined {
  if (isStorageDirectory(directory)) return undefined;
  const above = ["..", "../.."].map((up) => resolve(directory, up)).find(isStorageDirectory);
  if (above !== undefined) return `holds no object file; the storage directory is ${above}`;
  return "holds no object file, and no server has used it; give the directory that --storage names";
}

/** @returns how many files there are. */
async function showQuarantine(directory: string, stdout: CommandContext["stdout"]): Promise<number> {
  let count = 0;
  for await (const { path, why } of surveyQuarantine(directory)) {
    count += 1;
    const text = why === undefined ? "no reason is kept" : `since ${why.time}: ${why.reason}`;
    stdout.write(`${escapeUnseen(`${path}: in quarantine, ${text}`)}\n`);
    if (why !== undefined) stdout.write(`${escapeUnseen(`  undo: ${why.undo}`)}\n`);
  }
  return count;
}

/** Undefined for a file that is whole. */
async function problemOf(directory: string, found: SurveyedPath): Promise<string | undefined> {
  if ("failure" in found) return found.failure.message;
  try {
    const file = await openSurveyFile(join(directory, found.path));
    if (file === undefined) return undefined;
    try {
      await verifyObject(file, formOfPart(found.part));
    } finally {
      file.close();
    }
    return undefined;
  } catch (error) {
    return describeDamage(error);
  }
}

/** The error with what it knows of the reason. @throws what is no operating error. */
export function describeDamage(error: unknown): string {
  if (!isCacheError(error)) throw error;
  const { reason } = error.facts;
  return reason === undefined ? error.message : `${error.message}: ${reason}`;
}
