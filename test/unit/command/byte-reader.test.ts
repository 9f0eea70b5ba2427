import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ByteReader } from "../../../src/command/byte-reader.ts";

async function* chunksOf(...chunks: readonly string[]): AsyncGenerator<Buffer> {
  for (const chunk of chunks) yield Buffer.from(chunk);
}

async function joined(pieces: AsyncIterable<Buffer>): Promise<string> {
  let text = "";
  for await (const piece of pieces) text += piece.toString();
  return text;
}

describe("a byte reader", () => {
  it("looks ahead over the borders of chunks without taking anything", async () => {
    const reader = new ByteReader(chunksOf("ab", "", "cd", "ef"));
    expect((await reader.peek(5)).toString()).toBe("abcde");
    expect((await reader.peek(1)).toString()).toBe("a");
    expect((await reader.read(3)).toString()).toBe("abc");
    expect(await joined(reader.pieces(2))).toBe("de");
    expect((await reader.read(9)).toString()).toBe("f");
    expect((await reader.read(9)).toString()).toBe("");
    expect(await reader.next(9)).toBeUndefined();
  });

  it("passes chunks on as views when nothing has to be joined", async () => {
    const chunk = Buffer.from("abcdef");
    const [piece] = await piecesOf(new ByteReader(only(chunk)).pieces(4));
    expect(piece?.buffer).toBe(chunk.buffer);
    expect(piece?.byteOffset).toBe(chunk.byteOffset);
  });

  it("gives the same bytes whatever the chunks and whatever is asked for", async () => {
    const chunks = fc.array(fc.uint8Array({ maxLength: 7 }), { maxLength: 12 });
    const steps = fc.array(fc.tuple(fc.constantFrom("peek", "read", "pieces", "next"), fc.nat(9)), {
      maxLength: 30,
    });
    await fc.assert(
      fc.asyncProperty(chunks, steps, async (parts, asked) => {
        const whole = Buffer.concat(parts);
        const reader = new ByteReader(
          (async function* () {
            yield* parts;
          })(),
        );
        let position = 0;
        for (const [step, count] of asked) {
          const expected = whole.subarray(position, position + count);
          const got =
            step === "next"
              ? ((await reader.next(count + 1)) ?? Buffer.alloc(0))
              : await take(reader, step, count);
          const wanted = step === "next" ? whole.subarray(position, position + got.length) : expected;
          expect(got.equals(wanted)).toBe(true);
          position += step === "peek" ? 0 : got.length;
        }
      }),
    );
  });

  it("ends its wait when it is told to, also when the source stays silent", async () => {
    const stop = new AbortController();
    const silent = { [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => {}) }) };
    const reading = new ByteReader(silent, stop.signal).read(1);
    stop.abort();
    await expect(reading).rejects.toMatchObject({ code: "CANCELLED" });
    await expect(new ByteReader(silent, stop.signal).read(1)).rejects.toMatchObject({ code: "CANCELLED" });
  });
});

async function* only(chunk: Buffer): AsyncGenerator<Buffer> {
  yield chunk;
}

async function piecesOf(pieces: AsyncIterable<Buffer>): Promise<Buffer[]> {
  const all: Buffer[] = [];
  for await (const piece of pieces) all.push(piece);
  return all;
}

async function take(reader: ByteReader, step: string, count: number): Promise<Buffer> {
  if (step === "peek") return await reader.peek(count);
  if (step === "read") return await reader.read(count);
  return Buffer.concat(await piecesOf(reader.pieces(count)));
}
