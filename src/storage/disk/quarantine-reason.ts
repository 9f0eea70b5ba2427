/**
 * The text beside a quarantined file: key, time, reason, and the undo command. The engine writes
 * it; `verify` and `inspect` show it.
 *
 *     key     app/session/object
 *     time    2026-01-31T12:00:00.000Z
 *     reason  [OBJECT_CORRUPT] ...
 *     undo    mkdir -p ... && mv -n ...
 *             in the storage directory, while no server runs on it
 */
import fs from "node:fs";
import path from "node:path";
import { formatObjectKey } from "../../object/object-key.ts";
import type { StoredName } from "../object-storage.ts";
import { errnoOf } from "./disk-failure.ts";
import { filePath, QUARANTINE_DIRECTORY } from "./file-names.ts";

/** Suffix of a reason's file name. */
export const REASON_ENDING = ".reason";
/** More than any reason needs: three paths of a key's length, twice. */
const REASON_BYTES_MAX = 16 * 1024;
const LABEL_LETTERS = 8;

export interface QuarantineReason {
  readonly time: string;
  readonly reason: string;
  readonly undo: string;
}

export interface QuarantinedFile {
  /** Relative to the storage directory. */
  readonly path: string;
  /** Absent if there is none, or if it is not in our format. */
  readonly why: QuarantineReason | undefined;
}

/**
 * @param to the new path, relative to the storage directory, so that the command works wherever it
 *   is mounted.
 */
export function formatReason(name: StoredName, to: string, reason: string): string {
  const from = filePath(name);
  const lines = [
    ["key", formatObjectKey(name.key)],
    ["time", new Date().toISOString()],
    ["reason", reason.replaceAll("\n", " ")],
    ["undo", `mkdir -p ${quote(path.posix.dirname(from))} && mv -n ${quote(to)} ${quote(from)}`],
    ["", "in the storage directory, while no server runs on it"],
  ];
  return lines.map(([label, text]) => `${label!.padEnd(LABEL_LETTERS)}${text}\n`).join("");
}

/** Reads the reason of the file at this path. */
export async function readReason(file: string): Promise<QuarantineReason | undefined> {
  const text = await readStart(`${file}${REASON_ENDING}`);
  const found = new Map<string, string>();
  for (const line of text?.split("\n") ?? [])
    found.set(line.slice(0, LABEL_LETTERS).trimEnd(), line.slice(LABEL_LETTERS));
  const [time, reason, undo] = [found.get("time"), found.get("reason"), found.get("undo")];
  return time === undefined || reason === undefined || undo === undefined
    ? undefined
    : { time, reason, undo };
}

async function readStart(path: string): Promise<string | undefined> {
  try {
    const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = fs.constants;
    const handle = await fs.promises.open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    try {
      const bytes = Buffer.alloc(REASON_BYTES_MAX);
      const { bytesRead } = await handle.read(bytes, 0, bytes.length, 0);
      return bytes.toString("utf8", 0, bytesRead);
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return undefined;
  }
}

/** Lists every quarantined file, in order. */
export async function* surveyQuarantine(
  root: string,
  path = QUARANTINE_DIRECTORY,
): AsyncGenerator<QuarantinedFile> {
  for (const entry of await entriesOf(`${root}/${path}`)) {
    const inner = `${path}/${entry.name}`;
    if (entry.isDirectory()) yield* surveyQuarantine(root, inner);
    else if (entry.isFile() && !entry.name.endsWith(REASON_ENDING))
      yield { path: inner, why: await readReason(`${root}/${inner}`) };
  }
}

async function entriesOf(directory: string): Promise<fs.Dirent[]> {
  try {
    const list = await fs.promises.readdir(directory, { withFileTypes: true });
    return list.sort((a, b) => (a.name < b.name ? -1 : 1));
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return [];
  }
}

/** Quotes for a POSIX shell. */
function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
