/**
 * The files of the event journal in `.journal/`: names, sizes, and the end of the last whole line.
 *
 *     .journal/0000000000000042.jsonl     16 digits; a higher number was written later
 *
 * Other names in the directory are not touched. A segment is opened without following a link.
 */
import fs from "node:fs";
import { LIMITS } from "../../../limits.ts";
import { errnoOf, isMissing } from "../disk-failure.ts";
import { EVENTS_DIRECTORY } from "../file-names.ts";
import { readFully } from "../read-fully.ts";

const NAME = /^(\d{16})\.jsonl$/;
const LINE_FEED = 0x0a;
/** The journal names callers. */
const OWNER_ONLY = 0o600;
const { O_RDONLY, O_RDWR, O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK } = fs.constants;

export interface EventSegment {
  readonly number: number;
  sizeBytes: number;
}

/** The path of a segment, relative to the storage directory. */
export function segmentPath({ number }: Pick<EventSegment, "number">): string {
  return `${EVENTS_DIRECTORY}/${String(number).padStart(16, "0")}.jsonl`;
}

/** The segments in the directory, the oldest first; none if there is no directory. */
export async function listSegments(root: string): Promise<EventSegment[]> {
  const segments: EventSegment[] = [];
  for (const name of await namesIn(`${root}/${EVENTS_DIRECTORY}`)) {
    const match = NAME.exec(name);
    if (match === null) continue;
    const number = Number(match[1]);
    const status = await fs.promises.lstat(`${root}/${segmentPath({ number })}`);
    if (status.isFile()) segments.push({ number, sizeBytes: status.size });
  }
  return segments.sort((a, b) => a.number - b.number);
}

async function namesIn(directory: string): Promise<string[]> {
  try {
    return await fs.promises.readdir(directory);
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

/** Creates a segment, which must not exist. */
export async function createSegment(root: string, number: number): Promise<fs.promises.FileHandle> {
  await fs.promises.mkdir(`${root}/${EVENTS_DIRECTORY}`).catch((error: unknown) => {
    if (errnoOf(error) !== "EEXIST") throw error;
  });
  return await fs.promises.open(
    `${root}/${segmentPath({ number })}`,
    O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_NONBLOCK,
    OWNER_ONLY,
  );
}

/** Opens a segment to append to it, and removes what follows its last line feed. */
export async function reopenSegment(root: string, segment: EventSegment): Promise<fs.promises.FileHandle> {
  const file = await fs.promises.open(`${root}/${segmentPath(segment)}`, O_RDWR | O_NOFOLLOW | O_NONBLOCK);
  try {
    const { size } = await file.stat();
    const from = Math.max(0, size - LIMITS.eventSegmentBytesMin);
    const tail = await readPart(file, from, size - from);
    const end = from + tail.lastIndexOf(LINE_FEED) + 1;
    if (end < size) await file.truncate(end);
    segment.sizeBytes = end;
    return file;
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** The whole lines of a segment; undefined if it is gone. */
export async function readSegment(root: string, segment: EventSegment): Promise<Buffer | undefined> {
  try {
    const file = await fs.promises.open(
      `${root}/${segmentPath(segment)}`,
      O_RDONLY | O_NOFOLLOW | O_NONBLOCK,
    );
    try {
      const sizeBytes = Math.min(segment.sizeBytes, LIMITS.eventSegmentBytesMax);
      const bytes = await readPart(file, 0, sizeBytes);
      return bytes.subarray(0, bytes.lastIndexOf(LINE_FEED) + 1);
    } finally {
      await file.close();
    }
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** Shorter at the end of the file. */
async function readPart(file: fs.promises.FileHandle, position: number, sizeBytes: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(sizeBytes);
  return bytes.subarray(0, await readFully(file.fd, bytes, position));
}
