/**
 * Fills an index and prints what an object costs in it, bytes; a process of its own, with --expose-gc.
 *
 * Keys come as they do from a client: parts of one text. Arguments: objects, sessions. The first object is one of 5 GiB
 * in version 2^40, because V8 could make all others pay for it.
 */
import { randomUUID } from "node:crypto";
import { IndexEntry } from "../../../src/cache/index-entry.ts";
import { ObjectIndex } from "../../../src/cache/object-index.ts";
import { parseObjectKey } from "../../../src/object/object-key.ts";

const [objects = 0, sessions = 1] = process.argv.slice(2).map(Number);
const GIB = 1024 ** 3;
const SMALL = { version: 1, rowCount: 1, dataBytes: 1_000, fileSizeBytes: 2_048 };
const LARGE = { version: 2 ** 40, rowCount: 5 * GIB, dataBytes: 5 * GIB, fileSizeBytes: 6 * GIB };

function entry(number: number): IndexEntry {
  const key = parseObjectKey(`rl/session-${number % sessions}/${randomUUID()}`);
  const more = {
    kind: "opaque",
    form: "file",
    value: { position: 512, crc32: 0xfedc_ba98 },
    isVerified: true,
  } as const;
  return new IndexEntry(key, { ...more, ...(number === 0 ? LARGE : SMALL) });
}

function usedBytes(): number {
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

const index = new ObjectIndex();
const before = usedBytes();
for (let number = 0; number < objects; number += 1) index.set(entry(number));
const keyTextBytes = randomUUID().length;
console.log(
  JSON.stringify({ objects: index.size, bytesEach: (usedBytes() - before) / objects - keyTextBytes }),
);
