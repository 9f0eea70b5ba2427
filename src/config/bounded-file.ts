/**
 * Reads a small text file that somebody else writes, such as a key set, with a bound on its size.
 *
 * The bound holds for the bytes that are read, also if the file grows meanwhile or is a pipe.
 */
import { createReadStream } from "node:fs";

/** @throws the system error; an Error if the file is larger. */
export async function readBoundedFile(path: string, bytesMax: number): Promise<string> {
  const parts: Buffer[] = [];
  let sizeBytes = 0;
  // One byte more than allowed shows that the file is too large.
  for await (const part of createReadStream(path, { end: bytesMax })) {
    parts.push(part as Buffer);
    sizeBytes += (part as Buffer).length;
  }
  if (sizeBytes > bytesMax) throw new Error(`the file is larger than ${bytesMax} bytes`);
  return Buffer.concat(parts).toString("utf8");
}
