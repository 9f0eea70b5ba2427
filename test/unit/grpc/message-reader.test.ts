/**
 * Messages read while they arrive, without a socket.
 *
 * Three messages at every split of their bytes, byte by byte, pauses, ends and failures.
 */
import { describe, expect, it } from "vitest";
import { CacheError } from "../../../src/errors.ts";
import type { IncomingMessage } from "../../../src/grpc/call.ts";
import { PREFIX_SIZE_BYTES, writePrefix } from "../../../src/grpc/framing.ts";
import { QueuedMessageReader } from "../../../src/grpc/message-reader.ts";
import { LIMITS } from "../../../src/limits.ts";

/** A source that remembers what it was told. */
class RecordedSource {
  readonly calls: string[] = [];
  pause(): void {
    this.calls.push("pause");
  }
  resume(): void {
    this.calls.push("resume");
  }
}

const reading = () => {
  const source = new RecordedSource();
  return { source, reader: new QueuedMessageReader(source) };
};

function framed(...bodies: Buffer[]): Buffer {
  const parts = bodies.flatMap((body) => {
    const prefix = Buffer.alloc(PREFIX_SIZE_BYTES);
    writePrefix(prefix, body.length);
    return [prefix, body];
  });
  return Buffer.concat(parts);
}

async function bytesOf(message: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  for (let chunks = await message.read(); chunks !== null; chunks = await message.read())
    parts.push(...chunks);
  return Buffer.concat(parts);
}

async function allOf(reader: QueuedMessageReader): Promise<Buffer[]> {
  const bodies: Buffer[] = [];
  for (let message = await reader.next(); message !== null; message = await reader.next()) {
    bodies.push(await bytesOf(message));
  }
  return bodies;
}

const BODIES = [Buffer.from("first message"), Buffer.alloc(0), Buffer.from("third")];
const WIRE = framed(...BODIES);

describe("reading messages as they arrive", () => {
  it.each(Array.from(WIRE.keys()))(
    "gives the same messages when the bytes are split at %d",
    async (split) => {
      const { reader } = reading();
      const read = allOf(reader);
      for (const chunk of [WIRE.subarray(0, split), WIRE.subarray(split)]) reader.push(chunk);
      reader.end();
      expect(await read).toEqual(BODIES);
    },
  );

  it("gives the same messages byte by byte, whether the reader waits or comes late", async () => {
    const waiting = reading().reader;
    const late = reading().reader;
    const read = allOf(waiting);
    for (const byte of WIRE) {
      waiting.push(Buffer.from([byte]));
      late.push(Buffer.from([byte]));
      await Promise.resolve();
    }
    waiting.end();
    late.end();
    expect(await read).toEqual(BODIES);
    expect(await allOf(late)).toEqual(BODIES);
  });

  it("hands out what is there before the message is whole", async () => {
    const { reader } = reading();
    reader.push(framed(Buffer.alloc(100_000)).subarray(0, 1005));
    const message = await reader.next();
    expect(message?.sizeBytes).toBe(100_000);
    expect((await message?.read())?.map((chunk) => chunk.length)).toEqual([1000]);
  });

  it("wakes a waiting reader once for many chunks", async () => {
    const { reader } = reading();
    reader.push(framed(Buffer.alloc(10 * LIMITS.receiveBatchBytes)).subarray(0, PREFIX_SIZE_BYTES));
    const message = await reader.next();
    const read = message?.read();
    const chunk = Buffer.alloc(LIMITS.receiveBatchBytes / 4);
    for (let i = 0; i < 4; i++) reader.push(chunk);
    expect(await read).toHaveLength(4);
  });

  it("wakes a waiting reader at the end of a message, however small", async () => {
    const { reader } = reading();
    const next = reader.next();
    reader.push(framed(Buffer.from("a")));
    expect(await bytesOf((await next)!)).toEqual(Buffer.from("a"));
  });

  it("tells the end again and again", async () => {
    const { reader } = reading();
    reader.end();
    expect(await reader.next()).toBeNull();
    expect(await reader.next()).toBeNull();
  });
});

describe("collecting a message", () => {
  it("gives a view of a message that came in one chunk", async () => {
    const { reader } = reading();
    const wire = framed(Buffer.alloc(1000, 7));
    reader.push(wire);
    reader.end();
    expect((await (await reader.next())!.collect(1000)).buffer).toBe(wire.buffer);
  });

  it("copies a small one out of the memory that it came in while the peer may let it wait", async () => {
    const { reader } = reading();
    const slab = Buffer.alloc(64 * 1024);
    const wire = framed(Buffer.alloc(1000, 7));
    wire.copy(slab);
    reader.push(slab.subarray(0, wire.length));
    const collected = await (await reader.next())!.collect(1000);
    expect(collected.buffer.byteLength).toBe(1000);
    expect(collected).toEqual(Buffer.alloc(1000, 7));
  });

  it.each([1, 700, 16_384])("joins a message of many chunks of %d bytes", async (chunkSizeBytes) => {
    const { reader } = reading();
    const body = Buffer.from(Array.from({ length: 200_000 }, (_, i) => i % 251));
    const wire = framed(body);
    for (let i = 0; i < wire.length; i += chunkSizeBytes) reader.push(wire.subarray(i, i + chunkSizeBytes));
    expect(body.equals(await (await reader.next())!.collect(body.length))).toBe(true);
  });

  it("gives an empty message as no bytes", async () => {
    const { reader } = reading();
    reader.push(framed(Buffer.alloc(0)));
    expect(await (await reader.next())!.collect(0)).toHaveLength(0);
  });

  it("refuses a message over the limit before a byte of it has come", async () => {
    const { reader } = reading();
    reader.push(framed(Buffer.alloc(11)).subarray(0, PREFIX_SIZE_BYTES));
    await expect((await reader.next())!.collect(10)).rejects.toMatchObject({ code: "OBJECT_TOO_LARGE" });
  });

  it("makes room for what comes, not for what is promised", async () => {
    const { reader } = reading();
    const before = process.memoryUsage().arrayBuffers;
    reader.push(Buffer.from([0, 0xff, 0xff, 0xff, 0xff, 1, 2, 3]));
    const collected = (await reader.next())!.collect(LIMITS.streamedMessageBytesMax);
    await Promise.resolve();
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(8 * 1024 * 1024);
    reader.fail(new CacheError("CANCELLED"));
    await expect(collected).rejects.toMatchObject({ code: "CANCELLED" });
  });
});

describe("taking the messages that wait", () => {
  /** As a reader of small answers does: without a promise if possible. */
  async function takenFrom(reader: QueuedMessageReader): Promise<Buffer[]> {
    const bodies: Buffer[] = [];
    for (;;) {
      for (let body = reader.nextWaiting(100); body !== undefined; body = reader.nextWaiting(100))
        bodies.push(body);
      const message = await reader.next();
      if (message === null) return bodies;
      bodies.push(await bytesOf(message));
    }
  }

  it.each(Array.from(WIRE.keys()))("gives the same ones when the bytes are split at %d", async (split) => {
    const { reader } = reading();
    const taken = takenFrom(reader);
    for (const chunk of [WIRE.subarray(0, split), WIRE.subarray(split)]) {
      reader.push(chunk);
      await Promise.resolve();
    }
    reader.end();
    expect(await taken).toEqual(BODIES);
  });

  it("gives the same ones byte by byte", async () => {
    const { reader } = reading();
    for (const byte of WIRE) reader.push(Buffer.from([byte]));
    reader.end();
    expect(await takenFrom(reader)).toEqual(BODIES);
  });

  it("gives all of one chunk at once, as copies, and then nothing", () => {
    const { reader } = reading();
    const wire = Buffer.from(WIRE);
    reader.push(wire);
    const taken = BODIES.map(() => reader.nextWaiting(100));
    wire.fill(0);
    expect(taken).toEqual(BODIES);
    expect(reader.nextWaiting(100)).toBeUndefined();
  });

  it.each([
    ["over the limit", framed(Buffer.alloc(101))],
    ["compressed", Buffer.from([1, 0, 0, 0, 1, 7])],
    ["with an invalid flag", Buffer.from([2, 0, 0, 0, 1, 7])],
    ["with a part of its prefix", WIRE.subarray(0, 4)],
    ["with a part of its body", WIRE.subarray(0, 8)],
  ])("leaves a message %s to the reader of messages", (_, wire) => {
    const { reader } = reading();
    reader.push(wire);
    expect(reader.nextWaiting(100)).toBeUndefined();
  });

  it("gives nothing of a call that failed", () => {
    const { reader } = reading();
    reader.push(WIRE);
    reader.fail(new CacheError("CANCELLED"));
    expect(reader.nextWaiting(100)).toBeUndefined();
  });

  it("gives nothing inside a message that is being read", async () => {
    const { reader } = reading();
    reader.push(framed(Buffer.from([0, 0, 0, 0, 1, 7])));
    await reader.next();
    expect(reader.nextWaiting(100)).toBeUndefined();
  });

  it("resumes the paused source when half of the queue is taken", () => {
    const { reader, source } = reading();
    const many = framed(...Array.from({ length: 1000 }, () => Buffer.alloc(64)));
    const count = Math.ceil((LIMITS.receiveQueueBytesMax + 1) / many.length);
    for (let pushed = 0; pushed < count; pushed += 1) reader.push(many);
    expect(source.calls).toEqual(["pause"]);
    while (reader.nextWaiting(100) !== undefined);
    expect(source.calls).toEqual(["pause", "resume"]);
  });
});

describe("a reader that is slower than its source", () => {
  const chunk = Buffer.alloc(64 * 1024);
  const wire = Buffer.alloc(PREFIX_SIZE_BYTES);
  writePrefix(wire, 100 * 1024 * 1024);

  it("pauses the source over the limit and resumes it when it has caught up", async () => {
    const { reader, source } = reading();
    reader.push(wire);
    const message = await reader.next();
    for (let waiting = 0; waiting <= LIMITS.receiveQueueBytesMax; waiting += chunk.length) reader.push(chunk);
    expect(source.calls).toEqual(["pause"]);
    reader.push(chunk);
    expect(source.calls).toEqual(["pause"]);
    await message?.read();
    expect(source.calls).toEqual(["pause", "resume"]);
  });

  it("lets the source run on when the call is over", () => {
    const { reader, source } = reading();
    for (let waiting = 0; waiting <= LIMITS.receiveQueueBytesMax; waiting += chunk.length) reader.push(chunk);
    reader.fail(new CacheError("CANCELLED"));
    reader.push(chunk);
    expect(source.calls).toEqual(["pause", "resume"]);
  });
});

describe("messages that are not whole", () => {
  it.each([1, 2, 3, 4])("are refused when the call ends %d bytes into a prefix", async (sizeBytes) => {
    const { reader } = reading();
    reader.push(WIRE.subarray(0, sizeBytes));
    reader.end();
    await expect(reader.next()).rejects.toMatchObject({ code: "INVALID_REQUEST" });
  });

  it("are refused when the call ends inside a body, after what has come", async () => {
    const { reader } = reading();
    reader.push(WIRE.subarray(0, 8));
    const message = (await reader.next())!;
    reader.end();
    expect(await message.read()).toEqual([WIRE.subarray(5, 8)]);
    await expect(message.read()).rejects.toMatchObject({ code: "INVALID_REQUEST" });
  });

  it("are refused with the status of the peer when it ended with one", async () => {
    const { reader } = reading();
    reader.push(WIRE.subarray(0, 8));
    reader.end(new CacheError("OBJECT_CORRUPT"));
    const message = (await reader.next())!;
    await message.read();
    await expect(message.read()).rejects.toMatchObject({ code: "OBJECT_CORRUPT" });
  });
});

describe("a call that is over", () => {
  it("rejects who waits and whoever comes later with its reason, and drops what was waiting", async () => {
    const { reader } = reading();
    const waiting = reader.next();
    reader.fail(new CacheError("DEADLINE_EXCEEDED"));
    await expect(waiting).rejects.toMatchObject({ code: "DEADLINE_EXCEEDED" });
    reader.push(WIRE);
    await expect(reader.next()).rejects.toMatchObject({ code: "DEADLINE_EXCEEDED" });
  });

  it("keeps its first reason", async () => {
    const { reader } = reading();
    reader.fail(new CacheError("DEADLINE_EXCEEDED"));
    reader.fail(new CacheError("CANCELLED"));
    await expect(reader.next()).rejects.toMatchObject({ code: "DEADLINE_EXCEEDED" });
  });

  it("delivers the messages before an error status, then the error", async () => {
    const { reader } = reading();
    reader.push(framed(Buffer.from("a")));
    reader.end(new CacheError("OBJECT_NOT_FOUND"));
    expect(await bytesOf((await reader.next())!)).toEqual(Buffer.from("a"));
    await expect(reader.next()).rejects.toMatchObject({ code: "OBJECT_NOT_FOUND" });
  });
});

describe("a reader used wrongly", () => {
  it("asserts that a message is read to its end", async () => {
    const { reader } = reading();
    reader.push(WIRE);
    await reader.next();
    expect(() => reader.next()).toThrow("assertion failed");
  });

  it("asserts one read at a time", () => {
    const { reader } = reading();
    void reader.next();
    expect(() => reader.next()).toThrow("assertion failed");
  });
});
