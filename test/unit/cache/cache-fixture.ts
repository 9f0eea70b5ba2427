/**
 * An IndexedCache over one of the engines, and short words for what tests do with it.
 */
import { randomBytes } from "node:crypto";
import { expect, onTestFinished } from "vitest";
import { IndexedCache } from "../../../src/cache/indexed-cache.ts";
import type { ObjectCache } from "../../../src/cache/object-cache.ts";
import type { ObjectReading } from "../../../src/cache/object-reading.ts";
import { parseObjectKey } from "../../../src/object/object-key.ts";
import { readPayloadSchema } from "../../../src/object/object-schema.ts";
import { OpaqueWriter } from "../../../src/object/opaque-writer.ts";
import type { StoredObject } from "../../../src/object/stored-blocks.ts";
import { type IpcBatchMessage, TableWriter } from "../../../src/object/table-writer.ts";
import type { BeforeStep, DiskStep } from "../../../src/storage/disk/disk-steps.ts";
import { DiskStorage } from "../../../src/storage/disk/disk-storage.ts";
import { MemoryStorage } from "../../../src/storage/memory-storage.ts";
import type { Durability } from "../../../src/storage/object-storage.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";
import { goldenTable, type TablePut } from "../object/sample-objects.ts";

/** What a get would send of an opaque object. */
export interface OpaqueContent {
  readonly version: number;
  readonly base: string;
  readonly patches: readonly string[];
}

/** A directory that goes with the test. */
export function ownDirectory(): string {
  const directory = temporaryDirectory("cache");
  onTestFinished(() => directory.remove());
  return directory.path;
}

const storages = new WeakMap<ObjectCache, DiskStorage>();

/** A started cache that keeps files in `directory`; stopped with the test unless before. */
export async function diskCache(directory: string, beforeStep?: BeforeStep): Promise<IndexedCache> {
  const storage = new DiskStorage({ directory, ...(beforeStep && { beforeStep }) });
  const cache = new IndexedCache(storage);
  storages.set(cache, storage);
  return await started(cache);
}

/** The engine of a cache that `diskCache` made. */
export function engineOf(cache: ObjectCache): DiskStorage {
  return storages.get(cache)!;
}

/** Resolves when the directory has what was put and removed: until then, the log has it. */
export async function settled(cache: ObjectCache): Promise<void> {
  await engineOf(cache).settle();
}

/** Does something before each step of this name, and lets the others pass. */
export function at(wanted: DiskStep, action: () => void): BeforeStep {
  return (step) => {
    if (step === wanted) action();
  };
}

export async function memoryCache(storage = new MemoryStorage()): Promise<IndexedCache> {
  return await started(new IndexedCache(storage));
}

async function started(cache: IndexedCache): Promise<IndexedCache> {
  await cache.start();
  onTestFinished(() => cache.stop());
  return cache;
}

/** Ends one cache and starts the next over the same directory. */
export async function restart(cache: ObjectCache, directory: string): Promise<IndexedCache> {
  await cache.stop();
  return await diskCache(directory);
}

export async function put(
  cache: ObjectCache,
  key: string,
  value: string | Uint8Array,
  durability?: Durability,
): Promise<number> {
  const draft = cache.draftPut(parseObjectKey(key), "opaque");
  const writer = new OpaqueWriter(draft.sink);
  await writer.append([Buffer.from(value)]);
  return await draft.commit(writer, { durability });
}

export async function patch(
  cache: ObjectCache,
  key: string,
  value: string | Uint8Array,
  durability?: Durability,
): Promise<number> {
  const draft = await cache.draftPatch(parseObjectKey(key), "opaque", () => {});
  const writer = new OpaqueWriter(draft.sink);
  await writer.append([Buffer.from(value)]);
  return await draft.commit(writer, { durability });
}

/** Puts a golden table, in the form of a stream when it replaces a dictionary. */
export async function putTable(
  cache: ObjectCache,
  key: string,
  name: string,
  durability?: Durability,
): Promise<number> {
  const table = goldenTable(name);
  const draft = cache.draftPut(parseObjectKey(key), "table");
  const writer = await writeBatches(new TableWriter(draft.sink, ...schemaOf(table)), table);
  return await draft.commit(writer, { durability });
}

export async function patchTable(
  cache: ObjectCache,
  key: string,
  name: string,
  fits: (base: StoredObject) => void = () => {},
): Promise<number> {
  const table = goldenTable(name);
  const draft = await cache.draftPatch(parseObjectKey(key), "table", fits);
  return await draft.commit(await writeBatches(new TableWriter(draft.sink, ...schemaOf(table)), table));
}

function schemaOf({ schemaHeader }: TablePut): [Buffer, ReturnType<typeof readPayloadSchema>] {
  return [schemaHeader, readPayloadSchema(schemaHeader)];
}

async function writeBatches(writer: TableWriter, { batches }: TablePut): Promise<TableWriter> {
  for (const { header, body, message } of batches) {
    await writer.beginBatch(header, message as IpcBatchMessage);
    await writer.appendBody([body]);
    writer.endBatch(Buffer.alloc(0));
  }
  return writer;
}

export async function read(cache: ObjectCache, key: string): Promise<OpaqueContent> {
  const { reading, base } = await cache.open(parseObjectKey(key), () => true);
  try {
    const patches: string[] = [];
    for (const version of reading.patchesAfter(reading.baseVersion)) {
      patches.push(await readPatch(reading, version));
    }
    return { version: reading.version, base: await textOf(base!), patches };
  } finally {
    reading.close();
  }
}

/** The value of one patch of an object that is being read. */
export async function readPatch(reading: ObjectReading, version: number): Promise<string> {
  const found: string[] = [];
  await reading.withPatch(version, async (patched) => void found.push(await textOf(patched)));
  return found.join();
}

export async function textOf(object: StoredObject): Promise<string> {
  const parts: Buffer[] = [];
  for (const { position, sizeBytes } of object.dataRanges) {
    parts.push(await object.source.read(position, sizeBytes));
  }
  return Buffer.concat(parts).toString();
}

/** The keys a list of everything names, in order of text. */
export async function keysOf(cache: ObjectCache): Promise<string[]> {
  const keys: string[] = [];
  for await (const page of cache.list({ scope: "all" })) {
    for (const entry of page) keys.push(entry.evictionKey);
  }
  return keys.sort();
}

/** A value that is too large to be read whole when it is found, and that no two calls make alike. */
export function largeValue(): Buffer {
  return randomBytes(200_000);
}

export function refused(code: string): unknown {
  return expect.objectContaining({ code });
}
