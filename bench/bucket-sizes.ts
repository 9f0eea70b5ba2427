/**
 * What large numbers cost a replica over one SeaweedFS: an object of 10 GB in and out, 10,000
 * patches of one object, and a list of 100,000 objects. Prints times, requests and memory.
 *
 *     npx tsx bench/bucket-sizes.ts [--gigabytes 10] [--patches 10000] [--objects 100000]
 *
 * Memory is the resident set above that of the same process after a first small call. A number of 0
 * leaves its part out.
 */
import { randomBytes } from "node:crypto";
import { parseArgs } from "node:util";
import type { ObjectKey } from "../src/object/object-key.ts";
import { RangeMemory } from "../src/storage/s3/blob-ranges.ts";
import { BucketFile } from "../src/storage/s3/bucket-file.ts";
import { BucketObjects, type FoundObject } from "../src/storage/s3/bucket-objects.ts";
import { listObjects } from "../src/storage/s3/list-objects.ts";
import type { PutTerms } from "../src/storage/s3/object-changes.ts";
import { PrefixedBucket } from "../src/storage/s3/prefixed-bucket.ts";
import { ownPrefix, startS3Store } from "../test/support/s3-store.ts";

const { values: options } = parseArgs({
  options: {
    gigabytes: { type: "string", default: "10" },
    patches: { type: "string", default: "10000" },
    objects: { type: "string", default: "100000" },
  },
});
const MIB = 1024 ** 2;
const CHUNK_BYTES = MIB;
const READ_BYTES = 4 * MIB;
const FACTS: PutTerms = { form: "file", kind: "opaque", rowCount: 1, dataBytes: 1 };
const SCOPE = { applicationId: "app", sessionId: "s" };
// A store may compress what repeats.
const chunk = randomBytes(CHUNK_BYTES);

const store = await startS3Store();
const bucket = store.bucket();
const prefix = ownPrefix().slice(0, -1);
const openReplica = (): BucketObjects => new BucketObjects(new PrefixedBucket(bucket, prefix));
const objects = openReplica();

function keyOf(objectId: string): ObjectKey {
  return { ...SCOPE, objectId };
}

async function put(objectId: string, chunks: Iterable<Buffer>, to = objects): Promise<void> {
  const staged = to.stage(keyOf(objectId));
  for (const bytes of chunks) await staged.append([bytes]);
  const written = await to.put(keyOf(objectId), await staged.finish(), FACTS);
  if (written.kind !== "done") throw new Error(`${objectId} was not written`);
}

async function readWhole(found: FoundObject): Promise<number> {
  if (found.kind !== "found") throw new Error("the object is missing");
  const { base } = found.reader.live;
  const file = new BucketFile(found.reader, base, { memory: new RangeMemory() });
  for (let position = 0; position < base.sizeBytes; position += READ_BYTES) {
    const lengthBytes = Math.min(READ_BYTES, base.sizeBytes - position);
    const bytes = await file.read(position, lengthBytes);
    if (bytes.compare(chunk, 0, 16, 0, 16) !== 0) throw new Error("other bytes came back");
  }
  file.close();
  return base.sizeBytes;
}

function* repeated(count: number): Generator<Buffer> {
  for (let index = 0; index < count; index += 1) yield chunk;
}

/** Prints a row of the table. */
async function measure(name: string, work: () => Promise<string>): Promise<void> {
  const before = { rss: process.memoryUsage().rss, requests: bucket.counts.requests, ms: performance.now() };
  let mostBytes = 0;
  const sample = (): void => {
    mostBytes = Math.max(mostBytes, process.memoryUsage().rss - before.rss);
  };
  const sampling = setInterval(sample, 20);
  const result = await work();
  sample();
  clearInterval(sampling);
  const seconds = ((performance.now() - before.ms) / 1000).toFixed(1);
  const requests = bucket.counts.requests - before.requests;
  process.stdout.write(
    `| ${name} | ${result} | ${seconds} | ${requests} | ${Math.round(mostBytes / MIB)} |\n`,
  );
}

async function patchMany(count: number): Promise<string> {
  await put("patched", [Buffer.from("base")]);
  for (let index = 0; index < count; index += 1) {
    const staged = objects.stagePatch(keyOf("patched"));
    await staged.append([Buffer.alloc(100, `${index}`)]);
    const written = await objects.patch(keyOf("patched"), await staged.finish());
    if (written.kind !== "done") throw new Error(`patch ${index} was not written`);
  }
  const { manifest, sizeBytes } = await objects.manifests.read(keyOf("patched"));
  return `${manifest!.live!.segments.length} segments, manifest of ${sizeBytes} bytes`;
}

async function getPatches(count: number): Promise<string> {
  return await openReplica().use(keyOf("patched"), {}, async (found) => {
    let patches = 0;
    if (found.kind === "found") {
      for await (const { content } of found.reader.patches()) {
        const bytes = await found.reader.readAll(content);
        if (!bytes.equals(Buffer.alloc(100, `${patches}`))) throw new Error(`patch ${patches} is another`);
        patches += 1;
      }
    }
    if (patches !== count) throw new Error(`${patches} patches came back`);
    return `${patches} patches`;
  });
}

async function putMany(count: number): Promise<string> {
  let next = 0;
  const putSome = async (): Promise<void> => {
    while (next < count) {
      next += 1;
      await put(`o${next}`, [chunk.subarray(0, 100)]);
    }
  };
  await Promise.all(Array.from({ length: 32 }, putSome));
  return `${count} objects`;
}

async function listMany(replica: BucketObjects, least: number): Promise<string> {
  let listed = 0;
  for await (const page of listObjects(replica.manifests, SCOPE)) listed += page.length;
  if (listed < least) throw new Error(`only ${listed} objects were listed`);
  return `${listed} objects`;
}

try {
  await put("first", [Buffer.alloc(100)]);
  const [gigabytes, patches, count] = [options.gigabytes, options.patches, options.objects].map(Number);
  process.stdout.write(
    "| work | result | s | requests | more memory, MiB |\n| --- | --- | --- | --- | --- |\n",
  );
  if (gigabytes! > 0) {
    const chunks = Math.ceil((gigabytes! * 1e9) / CHUNK_BYTES);
    await measure(`put of ${gigabytes} GB`, async () => {
      await put("large", repeated(chunks));
      return `${chunks * CHUNK_BYTES} bytes`;
    });
    await measure(
      `get of ${gigabytes} GB`,
      async () => `${await objects.use(keyOf("large"), {}, readWhole)} bytes`,
    );
  }
  if (patches! > 0) {
    await measure(`${patches} patches`, () => patchMany(patches!));
    await measure("get of all of them, by another replica", () => getPatches(patches!));
  }
  if (count! > 0) {
    await measure("puts of 100 bytes", () => putMany(count!));
    await measure("list by the replica that put them", () => listMany(objects, count!));
    await measure("list by another replica", () => listMany(openReplica(), count!));
  }
} finally {
  await store.stop();
}
