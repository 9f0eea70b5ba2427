/**
 * Messages written to a stream that takes them when the test says so.
 *
 * When a writer has to wait, what is copied and what is not, and what is told to whom when the call is over.
 */
import type { Http2Stream } from "node:http2";
import { Writable } from "node:stream";
import { describe, expect, it } from "vitest";
import { CacheError } from "../../../src/errors.ts";
import { StreamMessageWriter } from "../../../src/grpc/message-writer.ts";
import { LIMITS } from "../../../src/limits.ts";

interface Entry {
  readonly chunk: Buffer;
}

/** Holds each write until `take` is called. */
class SlowStream extends Writable {
  readonly taken: Buffer[] = [];
  #held: { chunks: Buffer[]; done: () => void } | undefined;

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.#held = { chunks: [chunk], done };
  }

  override _writev(entries: Entry[], done: () => void): void {
    this.#held = { chunks: entries.map(({ chunk }) => chunk), done };
  }

  async take(): Promise<void> {
    this.taken.push(...(this.#held?.chunks ?? []));
    this.#held?.done();
    await new Promise(setImmediate);
  }
}

const writing = () => {
  const stream = new SlowStream();
  const begun: number[] = [];
  const writer = new StreamMessageWriter(stream as unknown as Http2Stream, () =>
    begun.push(stream.writableLength),
  );
  return { stream, writer, begun };
};

const prefixOf = (sizeBytes: number) => {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(sizeBytes, 1);
  return prefix;
};

const HALF = Buffer.alloc(LIMITS.sendQueueBytesMax / 2, "a");

describe("writing messages", () => {
  it("sends a small message in one buffer with its prefix", async () => {
    const { stream, writer } = writing();
    expect(writer.write([Buffer.from("ab"), Buffer.from("c")])).toBeUndefined();
    await stream.take();
    expect(stream.taken).toEqual([Buffer.from([0, 0, 0, 0, 3, 97, 98, 99])]);
  });

  it("sends many messages in one buffer, each behind its prefix", async () => {
    const { stream, writer, begun } = writing();
    expect(writer.writeAll([Buffer.from("ab"), Buffer.alloc(0), Buffer.from("c")])).toBeUndefined();
    expect(writer.writeAll([])).toBeUndefined();
    await stream.take();
    expect(stream.taken).toEqual([Buffer.from([0, 0, 0, 0, 2, 97, 98, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 99])]);
    expect(begun).toEqual([0]);
  });

  it("holds up who writes many messages to a slow peer", async () => {
    const { stream, writer } = writing();
    const waiting = writer.writeAll([HALF, HALF, HALF]);
    expect(waiting).toBeInstanceOf(Promise);
    await stream.take();
    await waiting;
  });

  it("sends a large message as it is, behind its prefix, in one gathering write", async () => {
    const { stream, writer } = writing();
    writer.write([HALF]);
    await stream.take();
    expect(stream.taken).toHaveLength(2);
    expect(stream.taken[0]).toEqual(prefixOf(HALF.length));
    expect(stream.taken[1]?.buffer).toBe(HALF.buffer);
  });

  it("asks for what comes first before each message, and not before a piece", () => {
    const { writer, begun } = writing();
    writer.startMessage(3, []);
    writer.writePiece(Buffer.from("abc"));
    writer.write([]);
    expect(begun).toHaveLength(2);
  });

  it("knows whether a message is missing bytes", () => {
    const { writer } = writing();
    writer.startMessage(3, [Buffer.from("ab")]);
    expect(writer.isInsideMessage).toBe(true);
    writer.writePiece(Buffer.from("c"));
    expect(writer.isInsideMessage).toBe(false);
  });

  it("asserts that no message is longer than declared, nor begun inside another", () => {
    const { writer } = writing();
    writer.startMessage(3, [Buffer.from("ab")]);
    expect(() => writer.writePiece(Buffer.from("cd"))).toThrow("assertion failed");
    expect(() => writer.write([])).toThrow("assertion failed");
  });
});

describe("a stream that is slower than its writer", () => {
  it("holds the writer up only when more than the limit waits, until it has caught up", async () => {
    const { stream, writer } = writing();
    writer.startMessage(4 * HALF.length, []);
    expect(writer.writePiece(HALF)).toBeUndefined();
    const room = writer.writePiece(HALF);
    expect(room).toBeInstanceOf(Promise);
    await stream.take();
    await expect(room).resolves.toBeUndefined();
    expect(writer.writePiece(HALF.subarray(5))).toBeInstanceOf(Promise);
  });

  it("flushes when it has taken everything", async () => {
    const { stream, writer } = writing();
    expect(writer.flush()).toBeUndefined();
    writer.write([HALF]);
    const flushed = writer.flush();
    expect(writer.flush()).toBe(flushed);
    await stream.take();
    await expect(flushed).resolves.toBeUndefined();
  });
});

describe("a call that is over", () => {
  it("rejects who waits and throws at whoever writes on", async () => {
    const { writer } = writing();
    const room = writer.write([HALF, HALF]);
    const flushed = writer.flush();
    writer.fail(new CacheError("CANCELLED"));
    await expect(room).rejects.toMatchObject({ code: "CANCELLED" });
    await expect(flushed).rejects.toMatchObject({ code: "CANCELLED" });
    expect(() => writer.write([])).toThrow("CANCELLED");
    await expect(writer.flush()).rejects.toMatchObject({ code: "CANCELLED" });
  });

  it("throws at whoever writes a piece on", () => {
    const { writer } = writing();
    writer.startMessage(3, []);
    writer.fail(new CacheError("DEADLINE_EXCEEDED"));
    expect(() => writer.writePiece(Buffer.from("abc"))).toThrow("DEADLINE_EXCEEDED");
  });
});
