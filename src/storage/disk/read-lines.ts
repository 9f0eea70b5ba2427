/**
 * Reads a file line by line, in pieces: each complete line, and where it ends.
 *
 * Bounded memory: only the start of an overlong line is kept. Follows no link and does not block on
 * a pipe. A missing file has no lines.
 */
import fs from "node:fs";
import { errnoOf } from "./disk-failure.ts";

const LINE_FEED = 0x0a;
const NO_BYTES: Buffer = Buffer.alloc(0);
const FLAGS = fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW | fs.constants.O_NONBLOCK;

export async function* wholeLines(
  path: string,
  lineBytesMax: number,
): AsyncGenerator<{ text: string; endBytes: number }> {
  const file = await openForReading(path);
  if (file === undefined) return;
  const joined = (start: Buffer, more: Buffer): Buffer =>
    (start.length === 0 ? more : Buffer.concat([start, more])).subarray(0, lineBytesMax);
  let rest = NO_BYTES;
  let endBytes = 0;
  for await (const chunk of file.createReadStream() as AsyncIterable<Buffer>) {
    let start = 0;
    for (let end = chunk.indexOf(LINE_FEED); end >= 0; end = chunk.indexOf(LINE_FEED, start)) {
      const line = joined(rest, chunk.subarray(start, end));
      rest = NO_BYTES;
      yield { text: line.toString("utf8"), endBytes: endBytes + end + 1 };
      start = end + 1;
    }
    rest = joined(rest, chunk.subarray(start));
    endBytes += chunk.length;
  }
}

async function openForReading(path: string): Promise<fs.promises.FileHandle | undefined> {
  try {
    return await fs.promises.open(path, FLAGS);
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw error;
  }
}
