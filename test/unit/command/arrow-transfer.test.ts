import { describe, expect, it } from "vitest";
import { readFramedHeader } from "../../../src/arrow/encapsulated.ts";
import { decodeFooter } from "../../../src/arrow/footer.ts";
import {
  type ArrowInput,
  detectArrow,
  readArrowFile,
  readArrowStream,
} from "../../../src/command/arrow-input.ts";
import { type ArrowForm, ArrowOutput } from "../../../src/command/arrow-output.ts";
import { ByteReader } from "../../../src/command/byte-reader.ts";
import { withMagicOf, withoutEndOfStream } from "../../support/client-file.ts";
import { GOLDEN, goldenFile, goldenStream } from "../arrow/golden.ts";
import { MemoryBytes } from "../object/memory-bytes.ts";

const STREAMS = Object.keys(GOLDEN.streams);
const FILES = Object.keys(GOLDEN.files);
/** One table that no file can hold. */
const FILEABLE = STREAMS.filter((name) => name !== "replaced");

function reader(bytes: Buffer, chunkBytes = 100): ByteReader {
  async function* chunks(): AsyncGenerator<Buffer> {
    for (let from = 0; from < bytes.length; from += chunkBytes) yield bytes.subarray(from, from + chunkBytes);
  }
  return new ByteReader(chunks());
}

/** Kind, header and body of each message, as text that can be compared. */
async function messagesOf(input: ArrowInput): Promise<string[]> {
  const all = [unpadded(input.schemaHeader)];
  for await (const { header, message, body } of input.batches) {
    const chunks: Uint8Array[] = [];
    for await (const chunk of body) chunks.push(chunk);
    const bare = Buffer.from(header)
      .toString("hex")
      .replace(/(00)*$/, "");
    all.push(`${message.kind} ${bare} ${Buffer.concat(chunks).toString("hex")}`);
  }
  return all;
}

/** A header may carry the zeros that padded its frame. */
function unpadded(header: Uint8Array): string {
  return Buffer.from(header)
    .toString("hex")
    .replace(/(00)*$/, "");
}

async function written(form: ArrowForm, input: ArrowInput): Promise<Buffer> {
  const parts: Buffer[] = [];
  const output = new ArrowOutput(form, { schemaHeader: input.schemaHeader, metadata: [] }, async (views) => {
    for (const view of views) parts.push(Buffer.from(view));
  });
  await output.begin();
  for await (const { header, message, body } of input.batches) await output.batch(header, message, body);
  await output.end();
  return Buffer.concat(parts);
}

describe("a file of another writer", () => {
  it.each([9, 64])(
    "with a magic of %i bytes is detected, and read by its footer and through a pipe",
    async (magicBytes) => {
      for (const name of FILES) {
        const file = withMagicOf(goldenFile(name), magicBytes);
        expect(await detectArrow(reader(file))).toBe("file");
        const messages = await messagesOf(await readArrowFile(new MemoryBytes(goldenFile(name))));
        expect(await messagesOf(await readArrowFile(new MemoryBytes(file)))).toEqual(messages);
        expect(await messagesOf(await readArrowStream(reader(file)))).toEqual(messages);
      }
    },
  );

  it("without an end of its stream is read through a pipe up to its footer, which is taken as well", async () => {
    for (const name of FILES) {
      const source = reader(withoutEndOfStream(goldenFile(name)));
      const messages = await messagesOf(await readArrowFile(new MemoryBytes(goldenFile(name))));
      expect(await messagesOf(await readArrowStream(source))).toEqual(messages);
      expect(await source.read(1)).toHaveLength(0);
    }
  });

  it("that has something else than its footer behind its messages is refused", async () => {
    const file = withoutEndOfStream(goldenFile("nested"));
    const tails = [
      file.subarray(0, -3),
      Buffer.concat([file.subarray(0, -10), Buffer.alloc(8), file.subarray(-10)]),
    ];
    for (const tail of tails)
      await expect(readArrowStream(reader(tail)).then(messagesOf)).rejects.toMatchObject({
        code: "INVALID_IPC",
      });
  });
});

describe("what bytes begin as", () => {
  it.each(STREAMS.filter((name) => name !== "legacy"))("is a stream: %s", async (name) => {
    expect(await detectArrow(reader(goldenStream(name), 3))).toBe("stream");
  });

  it.each(FILES)("is a file: %s", async (name) => {
    expect(await detectArrow(reader(goldenFile(name), 3))).toBe("file");
  });

  it.each([
    ["nothing", ""],
    ["text", "hello, world"],
    ["a part of the magic", "ARROW1"],
    ["a continuation and no more", "\xff\xff\xff\xff"],
    ["a continuation and a size out of range", "\xff\xff\xff\xff\xff\xff\xff\x7f"],
    ["a continuation and what is no schema", `\xff\xff\xff\xff\x10\0\0\0${"x".repeat(40)}`],
    ["a stream that is cut within its schema", goldenStream("numbers").toString("latin1", 0, 60)],
  ])("is no Arrow: %s", async (_name, text) => {
    const bytes = Buffer.from(text, "latin1");
    const source = reader(bytes, 5);
    expect(await detectArrow(source)).toBeUndefined();
    expect(await source.read(1000)).toEqual(bytes);
  });
});

describe("a table that is read and written", () => {
  it.each(STREAMS)("keeps the messages of the stream %s", async (name) => {
    const wanted = await messagesOf(await readArrowStream(reader(goldenStream(name))));
    const again = await written("stream", await readArrowStream(reader(goldenStream(name), 7)));
    expect(await messagesOf(await readArrowStream(reader(again)))).toEqual(wanted);
  });

  it.each(FILEABLE)(
    "keeps the messages of %s when it becomes a file, read by its footer and without",
    async (name) => {
      const wanted = await messagesOf(await readArrowStream(reader(goldenStream(name))));
      const file = await written("file", await readArrowStream(reader(goldenStream(name))));
      expect(await messagesOf(await readArrowFile(new MemoryBytes(file)))).toEqual(wanted);
      expect(await messagesOf(await readArrowStream(reader(file, 11)))).toEqual(wanted);
    },
  );

  it.each(FILES)("keeps the messages of the file %s, read by its footer and without", async (name) => {
    const wanted = await messagesOf(await readArrowFile(new MemoryBytes(goldenFile(name))));
    expect(await messagesOf(await readArrowStream(reader(goldenFile(name))))).toEqual(wanted);
  });

  it("has bodies at multiples of 64 in a file, and footers that say where", async () => {
    const file = await written("file", await readArrowStream(reader(goldenStream("nested"))));
    const { recordBatches } = decodeFooter(file, file.length);
    const block = recordBatches.at(0)!;
    expect((block.position + block.metadataSizeBytes) % 64).toBe(0);
    expect(readFramedHeader(file, block.position).sizeBytes).toBe(block.metadataSizeBytes);
  });

  it("is refused as a file, and taken as a stream, when it replaces a dictionary", async () => {
    const replaced = () => readArrowStream(reader(goldenStream("replaced")));
    await expect(written("file", await replaced())).rejects.toMatchObject({ outcome: "dataError" });
    expect((await written("stream", await replaced())).length).toBeGreaterThan(0);
  });
});

describe("cut Arrow bytes", () => {
  it("are refused wherever a stream is cut, but between messages, where it may end", async () => {
    const whole = goldenStream("dictionaries");
    const ends: number[] = [];
    for (let length = 0; length < whole.length; length += 1) {
      const outcome = await readArrowStream(reader(whole.subarray(0, length)))
        .then(messagesOf)
        .then(
          () => "whole",
          (error: { code?: string }) => error.code,
        );
      expect(["whole", "INVALID_IPC"]).toContain(outcome);
      if (outcome === "whole") ends.push(length);
    }
    const boundaries = GOLDEN.streams.dictionaries!.messages.length;
    // The last 8 bytes are the end's own; without its length it is no frame.
    expect(ends.filter((end) => end < whole.length - 8)).toHaveLength(boundaries - 1);
  });

  it("are refused wherever a file is cut", async () => {
    const whole = goldenFile("dictionaries");
    for (let length = 0; length < whole.length; length += 1) {
      const reading = readArrowFile(new MemoryBytes(whole.subarray(0, length))).then(messagesOf);
      await expect(reading, `${length} bytes`).rejects.toMatchObject({ code: "INVALID_IPC" });
    }
  });
});
