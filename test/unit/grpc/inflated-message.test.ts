/**
 * Messages that come compressed by gzip: whole whatever the split of their bytes, bounded whatever they become, and refused when damaged.
 */
import { randomBytes } from "node:crypto";
import { deflateSync, gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { CacheError } from "../../../src/errors.ts";
import type { IncomingMessage } from "../../../src/grpc/call.ts";
import { PREFIX_SIZE_BYTES, writePrefix } from "../../../src/grpc/framing.ts";
import { QueuedMessageReader } from "../../../src/grpc/message-reader.ts";

const MIB = 1024 ** 2;
const SOURCE = { pause: () => undefined, resume: () => undefined };
const SAMPLE = Buffer.concat([Buffer.alloc(200_000, "sample"), randomBytes(70_000)]);

function framed(body: Buffer, flag: number): Buffer {
  const prefix = Buffer.alloc(PREFIX_SIZE_BYTES);
  writePrefix(prefix, body.length);
  prefix[0] = flag;
  return Buffer.concat([prefix, body]);
}

/** A reader that has these bytes, and the end behind them. */
function readerOf(wire: Buffer, chunkBytes = wire.length): QueuedMessageReader {
  const reader = new QueuedMessageReader(SOURCE, "gzip");
  for (let i = 0; i < wire.length; i += chunkBytes) reader.push(wire.subarray(i, i + chunkBytes));
  reader.end();
  return reader;
}

async function bytesOf(message: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  for (let chunks = await message.read(); chunks !== null; chunks = await message.read())
    parts.push(...chunks);
  return Buffer.concat(parts);
}

const refused = (code: string): unknown => expect.objectContaining({ code });

describe("a message compressed by gzip", () => {
  it.each([1, 7, 1000, 65_536, 1_000_000])("is whole when it comes in chunks of %d bytes", async (chunk) => {
    const reader = readerOf(framed(gzipSync(SAMPLE), 1), chunk);
    expect((await bytesOf((await reader.next())!)).equals(SAMPLE)).toBe(true);
    expect(await reader.next()).toBeNull();
  });

  it("is collected whole", async () => {
    const reader = readerOf(framed(gzipSync(SAMPLE), 1), 1000);
    expect((await (await reader.next())!.collect(SAMPLE.length)).equals(SAMPLE)).toBe(true);
  });

  it("may be empty, and may be of several members", async () => {
    const members = Buffer.concat([gzipSync("one, "), gzipSync(""), gzipSync("two")]);
    const reader = readerOf(Buffer.concat([framed(gzipSync(""), 1), framed(members, 1)]));
    expect(await (await reader.next())!.collect(10)).toHaveLength(0);
    expect((await (await reader.next())!.collect(10)).toString()).toBe("one, two");
  });

  it("stands among others that are not compressed", async () => {
    const plain = framed(Buffer.from("plain"), 0);
    const reader = readerOf(Buffer.concat([plain, framed(gzipSync(SAMPLE), 1), plain]), 4096);
    expect((await (await reader.next())!.collect(100)).toString()).toBe("plain");
    expect((await bytesOf((await reader.next())!)).equals(SAMPLE)).toBe(true);
    expect((await (await reader.next())!.collect(100)).toString()).toBe("plain");
    expect(await reader.next()).toBeNull();
  });

  it("is inflated no further than it is read", async () => {
    const reader = readerOf(framed(gzipSync(Buffer.alloc(100 * MIB)), 1));
    const message = (await reader.next())!;
    const before = process.memoryUsage().arrayBuffers;
    await message.read();
    await new Promise(setImmediate);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(8 * MIB);
  });

  it("is OBJECT_TOO_LARGE as soon as it is larger than who collects it takes", async () => {
    const reader = readerOf(framed(gzipSync(Buffer.alloc(100 * MIB)), 1));
    const before = process.memoryUsage().arrayBuffers;
    await expect((await reader.next())!.collect(MIB)).rejects.toEqual(refused("OBJECT_TOO_LARGE"));
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(8 * MIB);
  });

  it("of exactly what is taken is taken, and of a byte more is not", async () => {
    const wire = (sizeBytes: number) => framed(gzipSync(Buffer.alloc(sizeBytes)), 1);
    expect(await (await readerOf(wire(65_536)).next())!.collect(65_536)).toHaveLength(65_536);
    const tooLarge = (await readerOf(wire(65_537)).next())!.collect(65_536);
    await expect(tooLarge).rejects.toEqual(refused("OBJECT_TOO_LARGE"));
  });

  it.each([
    ["cut short", gzipSync(SAMPLE).subarray(0, -9)],
    ["no gzip", Buffer.from("plain text")],
    ["zlib's own format", deflateSync(SAMPLE)],
    ["nothing", Buffer.alloc(0)],
    ["of another checksum", Buffer.concat([gzipSync(SAMPLE).subarray(0, -8), Buffer.alloc(8, 1)])],
  ])("that is %s is INVALID_REQUEST", async (_, body) => {
    const reader = readerOf(framed(body, 1));
    await expect(bytesOf((await reader.next())!)).rejects.toEqual(refused("INVALID_REQUEST"));
  });

  it("ends with the reason of its call when that is over", async () => {
    const reader = new QueuedMessageReader(SOURCE, "gzip");
    reader.push(framed(gzipSync(SAMPLE), 1).subarray(0, 40));
    const reading = bytesOf((await reader.next())!);
    reader.fail(new CacheError("CANCELLED"));
    await expect(reading).rejects.toEqual(refused("CANCELLED"));
  });
});
