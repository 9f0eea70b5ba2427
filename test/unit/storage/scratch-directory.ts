/**
 * Directories that tests may fill, and names and bytes to fill them with.
 *
 * Each directory is new and goes away with the test that asked for it.
 */
import fs from "node:fs";
import path from "node:path";
import { resetSync } from "@logtape/logtape";
import { onTestFinished } from "vitest";
import { type LogDirective, startLog } from "../../../src/log.ts";
import { DiskStorage, type DiskStorageOptions } from "../../../src/storage/disk/disk-storage.ts";
import type { ObjectStorage, StoredName } from "../../../src/storage/object-storage.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";

export function scratchDirectory(): string {
  const directory = temporaryDirectory("storage");
  onTestFinished(directory.remove);
  return directory.path;
}

/** Segments that are soon made: many tests start an engine. */
const SEGMENT_BYTES = 1024 * 1024;

/** A disk engine, started, that stops when the test is over. */
export async function startedDisk(options: Partial<DiskStorageOptions> = {}): Promise<DiskStorage> {
  const log = { segmentBytes: SEGMENT_BYTES, ...options.log };
  const storage = new DiskStorage({ directory: scratchDirectory(), ...options, log });
  await storage.start();
  onTestFinished(() => storage.stop());
  return storage;
}

/** What is logged from now until the test is over, as fields. */
export function watchedLog(directives: readonly LogDirective[] = []): () => Record<string, unknown>[] {
  const lines: string[] = [];
  startLog({ directives, format: "json", stream: { write: (line) => lines.push(line) } });
  onTestFinished(resetSync);
  return () => lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}

/** Files under a directory that this process has open, but for the log: it stays open until the stop. */
export function openFiles(directory: string): string[] {
  return allOpenFiles(directory).filter((target) => !/^\/\.log(\/|$)/.test(target.slice(directory.length)));
}

/** Files under a directory that this process has open. */
export function allOpenFiles(directory: string): string[] {
  return fs
    .readdirSync("/proc/self/fd")
    .map((fd) => readLink(`/proc/self/fd/${fd}`))
    .filter((target) => target.startsWith(directory));
}

/** Where a link leads; nowhere when it went away, as that of the listing itself does. */
function readLink(link: string): string {
  try {
    return fs.readlinkSync(link);
  } catch {
    return "";
  }
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

/** Everything under a directory but the log, as sorted relative paths; directories end in a slash. */
export function tree(directory: string): string[] {
  return fs
    .readdirSync(directory, { recursive: true, withFileTypes: true })
    .map((entry) => {
      const relative = path.relative(directory, path.join(entry.parentPath ?? entry.path, entry.name));
      return entry.isDirectory() ? `${relative}/` : relative;
    })
    .filter((relative) => !relative.startsWith(".log/"))
    .sort();
}
