/**
 * Reads a text file of the operator at once, with a bound on its size.
 *
 * The file is opened first, and everything else is asked of the open file: a link that is changed
 * meanwhile, a pipe without a writer, or a device without an end cannot stop the server.
 */
import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";

export type TextFile =
  | { readonly text: string }
  | { readonly problem: "a directory" | "not a file" | "too large" };

/** @throws the system error. */
export function readTextFile(path: string, bytesMax: number): TextFile {
  const descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const facts = fstatSync(descriptor);
    if (facts.isDirectory()) return { problem: "a directory" };
    if (!facts.isFile()) return { problem: "not a file" };
    if (facts.size > bytesMax) return { problem: "too large" };
    // One byte more than allowed shows that the file has grown.
    const bytes = Buffer.alloc(Math.min(2 * facts.size, bytesMax) + 1);
    let sizeBytes = 0;
    for (let read = 1; read > 0 && sizeBytes < bytes.length; sizeBytes += read) {
      read = readSync(descriptor, bytes, sizeBytes, bytes.length - sizeBytes, null);
    }
    if (sizeBytes === bytes.length) return { problem: "too large" };
    return { text: bytes.toString("utf8", 0, sizeBytes) };
  } finally {
    closeSync(descriptor);
  }
}
