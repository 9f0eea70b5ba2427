/**
 * The user's files: read piece by piece for an upload; written to a temporary file and renamed for
 * a download.
 *
 * A download leaves the complete file or nothing: an older file stays until the rename, and the
 * temporary file is removed if anything fails. It is not synced, so a power loss may lose it.
 * Memory: one piece of LIMITS.uploadRowBytes.
 */
import { randomBytes } from "node:crypto";
import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { LIMITS } from "../../../limits.ts";

/**
 * Reads the file in pieces, each in memory of its own.
 * @throws the system's error, such as ENOENT
 */
export async function* readFileChunks(path: string): AsyncGenerator<Buffer, void, void> {
  const file = await open(path, "r");
  try {
    for (;;) {
      const piece = await readPiece(file);
      if (piece.length > 0) yield piece;
      if (piece.length < LIMITS.uploadRowBytes) return;
    }
  } finally {
    await file.close();
  }
}

/** Reads LIMITS.uploadRowBytes; fewer only at the end, even from a pipe. */
async function readPiece(file: FileHandle): Promise<Buffer> {
  const piece = Buffer.allocUnsafeSlow(LIMITS.uploadRowBytes);
  let sizeBytes = 0;
  while (sizeBytes < piece.length) {
    const { bytesRead } = await file.read(piece, sizeBytes, piece.length - sizeBytes, null);
    if (bytesRead === 0) break;
    sizeBytes += bytesRead;
  }
  return piece.subarray(0, sizeBytes);
}

/**
 * Writes chunks to a temporary file beside `path`, then renames it to `path`.
 * @returns bytes written.
 * @throws the error of `chunks`, or the system's error, and leaves no file
 */
export async function writeFileWhole(path: string, chunks: AsyncIterable<Uint8Array>): Promise<number> {
  const aside = join(
    dirname(path),
    `.${basename(path).slice(0, 100)}.${randomBytes(6).toString("hex")}.part`,
  );
  try {
    const sizeBytes = await writeNew(aside, chunks);
    await rename(aside, path);
    return sizeBytes;
  } catch (error) {
    await rm(aside, { force: true });
    throw error;
  }
}

async function writeNew(path: string, chunks: AsyncIterable<Uint8Array>): Promise<number> {
  const file = await open(path, "wx");
  let sizeBytes = 0;
  try {
    for await (const chunk of gathered(chunks)) {
      await file.writeFile(chunk);
      sizeBytes += chunk.length;
    }
    return sizeBytes;
  } finally {
    await file.close();
  }
}

/** Joins chunks for fewer system calls: the network delivers about 16 KiB each. */
async function* gathered(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, void> {
  let views: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const chunk of chunks) {
    if (chunk.length === 0) continue;
    views.push(chunk);
    sizeBytes += chunk.length;
    if (sizeBytes < LIMITS.uploadRowBytes) continue;
    yield Buffer.concat(views);
    views = [];
    sizeBytes = 0;
  }
  if (sizeBytes > 0) yield Buffer.concat(views);
}
