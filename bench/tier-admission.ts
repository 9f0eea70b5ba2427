/**
 * What it costs to bring an object into the memory tier, and what it saves to have it there.
 *
 *     npx tsx bench/tier-admission.ts
 *
 * Storage alone, no network: microseconds a file, medians of several rounds, columns in turn within
 * each round.
 *
 *     disk      open, read whole and close, without a tier
 *     first     the same as the first get of a file through a tier, which loads it
 *     again     once more: from memory
 *     put       passes the file to a full tier, which keeps it in place of another; of a file above
 *               LIMITS.putAdmittedBytesMax it only drops an older copy
 *     new copy  copies the file's bytes into memory that was never used
 */
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { AdaptivePolicy } from "../src/eviction/adaptive-policy.ts";
import { LIMITS } from "../src/limits.ts";
import { DiskStorage } from "../src/storage/disk/disk-storage.ts";
import type { ObjectStorage, StoredName } from "../src/storage/object-storage.ts";
import { MemoryTier } from "../src/storage/tier/memory-tier.ts";
import { median } from "./statistics.ts";

const KIB = 1024;
const SIZES_KIB = [1, 16, 64, 256, 1024];
const ROUNDS = 11;
const ROUND_BYTES = 64 * KIB * KIB;
const FILES_MAX = 500;
const TIER_BYTES = 256 * KIB * KIB;

const COLUMNS = ["disk", "first", "again", "put", "new copy"] as const;

type Column = (typeof COLUMNS)[number];

const directory = fs.mkdtempSync(path.join(os.tmpdir(), "flame-tier-"));
const disk = new DiskStorage({ directory: path.join(directory, "disk") });
const tier = new MemoryTier({ policy: new AdaptivePolicy(), bytesMax: TIER_BYTES });
const tiered = new DiskStorage({ directory: path.join(directory, "tiered"), tier });
await Promise.all([disk.start(), tiered.start()]);
console.log(["size KiB", ...COLUMNS.map((column) => `${column} us`.padStart(8))].join("  "));
for (const sizeKib of SIZES_KIB) {
  const times = await measure(sizeKib * KIB);
  const cells = COLUMNS.map((column) => median(times[column]).toFixed(1));
  console.log([sizeKib, ...cells].map((cell) => String(cell).padStart(8)).join("  "));
}
await Promise.all([disk.stop(), tiered.stop()]);
fs.rmSync(directory, { recursive: true });

async function measure(sizeBytes: number): Promise<Record<Column, number[]>> {
  const names = namesOf(Math.min(FILES_MAX, Math.floor(ROUND_BYTES / sizeBytes)));
  const content = Buffer.alloc(sizeBytes, 1);
  const times: Record<Column, number[]> = { disk: [], first: [], again: [], put: [], "new copy": [] };
  const full = fullTier(names.length, sizeBytes);
  const timed = async (column: Column, work: (name: StoredName) => unknown): Promise<void> => {
    const start = performance.now();
    for (const name of names) await work(name);
    times[column].push(((performance.now() - start) * 1000) / names.length);
  };
  for (let round = 0; round < ROUNDS; round += 1) {
    await publishAll(disk, names, content);
    await timed("disk", (name) => readWhole(disk, name));
    await publishAll(tiered, names, content);
    for (const name of names) tier.changed(name);
    await timed("first", (name) => readWhole(tiered, name));
    await timed("again", (name) => readWhole(tiered, name));
    await timed("put", (name) => full.put(name, { revision: `${round}`, sizeBytes }, [content]));
    const copies: Buffer[] = [];
    await timed("new copy", () => copies.push(newCopy(content)));
  }
  return times;
}

/** Has space for half of the files, so each drops one that was put before. */
function fullTier(files: number, sizeBytes: number): MemoryTier {
  const bytesMax = Math.ceil(files / 2) * (sizeBytes + LIMITS.memoryFileOverheadBytes);
  return new MemoryTier({ policy: new AdaptivePolicy(), bytesMax });
}

function namesOf(count: number): StoredName[] {
  return Array.from({ length: count }, (_, i) => ({
    key: { applicationId: "bench", sessionId: "tier", objectId: `${i}` },
    part: { kind: "file" },
  }));
}

async function publishAll(
  storage: ObjectStorage,
  names: readonly StoredName[],
  content: Buffer,
): Promise<void> {
  for (const name of names) {
    const staged = storage.stage();
    await staged.append([content]);
    await staged.publish(name);
  }
}

async function readWhole(storage: ObjectStorage, name: StoredName): Promise<void> {
  const file = await storage.open(name);
  await file?.read(0, file.sizeBytes);
  file?.close(true);
}

function newCopy(content: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(content.length);
  copy.set(content);
  return copy;
}
