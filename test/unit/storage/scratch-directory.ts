/**
 * Directories that tests may fill, and names and bytes to fill them with.
 *
 * Each directory is new and goes away with the test that asked for it.
 */
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { onTestFinished } from "vitest";
import type { ObjectStorage, StoredName } from "../../../src/storage/object-storage.ts";

export function scratchDirectory(): string {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), "flame-storage-"));
  onTestFinished(() => fs.rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** The name of a part of `key`; without a part, of its file. */
export function named(key: string, part: StoredName["part"] = { kind: "file" }): StoredName {
  const [applicationId, sessionId, objectId] = key.split("/") as [string, string, string];
  return { key: { applicationId, sessionId, objectId }, part };
}

export function patchOf(key: string, baseVersion: number, version: number): StoredName {
  return named(key, { kind: "patch", baseVersion, version });
}

/** Bytes that differ from place to place and from seed to seed. */
export function patternBytes(sizeBytes: number, seed = 1): Buffer {
  const bytes = Buffer.alloc(sizeBytes);
  let state = (seed * 2654435761 + 1) >>> 0;
  for (let i = 0; i < sizeBytes; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}

export async function publish(storage: ObjectStorage, name: StoredName, bytes: Uint8Array): Promise<void> {
  const staged = storage.stage();
  await staged.append([bytes]);
  await staged.publish(name);
}

/** All bytes of a file, or undefined when there is none. */
export async function readWhole(storage: ObjectStorage, name: StoredName): Promise<Buffer | undefined> {
  const file = await storage.open(name);
  try {
    return await file?.read(0, file.sizeBytes);
  } finally {
    file?.close();
  }
}

/** Everything under a directory, as sorted relative paths; directories end in a slash. */
export function tree(directory: string): string[] {
  return fs
    .readdirSync(directory, { recursive: true, withFileTypes: true })
    .map((entry) => {
      const relative = path.relative(directory, path.join(entry.parentPath ?? entry.path, entry.name));
      return entry.isDirectory() ? `${relative}/` : relative;
    })
    .sort();
}
