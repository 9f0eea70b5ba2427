import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encodeRecordBatchMessage } from "../../../../src/arrow/message-writer.ts";
import { withSchemaMetadata } from "../../../../src/arrow/schema-metadata.ts";
import { joinAnswer } from "../../../../src/client/cache/fetch-object.ts";
import { objectBatches, objectChunks } from "../../../../src/client/cache/object-stream.ts";
import { readAnswer } from "../../../../src/client/cache/read-answer.ts";
import { splitIpc } from "../../../../src/client/values/ipc-messages.ts";
import { LIMITS } from "../../../../src/limits.ts";
import { OPAQUE_SCHEMA_HEADER } from "../../../../src/object/object-schema.ts";
import { goldenStream } from "../../arrow/golden.ts";
import { arriving, type PlainMessage, rowMessage, SCHEMA, turnedMessages } from "./arriving-messages.ts";

const DATA = Buffer.from("FLM\x06the value of the object");

function tableMessages(name: string, version: string): PlainMessage[] {
  const { schemaHeader, batches } = splitIpc(goldenStream(name));
  const { header } = withSchemaMetadata(schemaHeader, [
    ["flame.cache.format", "arrow-table-v1"],
    ["flame.cache.version", version],
  ]);
  const messages = batches.map((batch) => ({ header: batch.header, body: Buffer.from(batch.body) }));
  return [{ header, body: Buffer.alloc(0) }, ...messages];
}

/** Reads an answer in each way there is. @throws the first failure */
async function readAll(messages: readonly PlainMessage[]): Promise<void> {
  await readAnswer(arriving(messages, 7));
  for await (const _ of objectChunks(arriving(messages, 7), { asStored: true }));
}

const REFUSALS = /^(INVALID_IPC|UNREADABLE_VALUE|INVALID_REQUEST|OBJECT_TOO_LARGE)$/;

async function refusalOf(messages: readonly PlainMessage[]): Promise<string | undefined> {
  try {
    await readAll(messages);
    return undefined;
  } catch (error) {
    expect(error).toMatchObject({ name: "CacheError", code: expect.stringMatching(REFUSALS) });
    return (error as { code: string }).code;
  }
}

describe("an answer about an opaque object", () => {
  it.each([1, 3, 8, 31, 1024])("is read whatever chunks it comes in: %d bytes", async (chunkBytes) => {
    const messages = [SCHEMA, rowMessage(4, "base", DATA), rowMessage(5, "patch", Buffer.alloc(0))];
    expect(await readAnswer(arriving(messages, chunkBytes))).toEqual({
      kind: "opaque",
      rows: [
        { version: 4, kind: "base", data: DATA },
        { version: 5, kind: "patch", data: Buffer.alloc(0) },
      ],
    });
  });

  it("is read by the names of its columns, in any order", async () => {
    expect(await readAnswer(arriving(turnedMessages(7, "base", DATA), 5))).toEqual({
      kind: "opaque",
      rows: [{ version: 7, kind: "base", data: DATA }],
    });
  });

  it("joins rows of one version, as a value over 2 GiB comes", async () => {
    const halves = [DATA.subarray(0, 9), DATA.subarray(9)].map((half) => rowMessage(1, "base", half));
    const answer = await readAnswer(arriving([SCHEMA, ...halves, rowMessage(2, "patch", DATA)]));
    expect(answer).toMatchObject({ rows: [{ data: DATA }, { version: 2, data: DATA }] });
  });

  it("without rows means not modified", async () => {
    expect(await readAnswer(arriving([SCHEMA]))).toEqual({ kind: "opaque", rows: [] });
  });

  it.each([
    ["no message at all", []],
    ["two columns", [{ header: OPAQUE_SCHEMA_HEADER, body: Buffer.alloc(0) }]],
    ["a batch for a schema", [rowMessage(1, "base", DATA)]],
    ["a second schema", [SCHEMA, SCHEMA]],
    ["a body that is cut", [SCHEMA, { ...rowMessage(1, "base", DATA), body: Buffer.alloc(8) }]],
    [
      "a body that is longer than it says",
      [SCHEMA, { ...rowMessage(1, "base", DATA), body: Buffer.alloc(4096) }],
    ],
    ["a kind that there is not", [SCHEMA, rowMessage(1, "bass" as "base", DATA)]],
    ["a version that no number holds", [SCHEMA, rowMessage(2 ** 60, "base", DATA)]],
  ] as const)("with %s is refused", async (_, messages) => {
    expect(await refusalOf(messages)).toMatch(REFUSALS);
  });

  it.each([
    ["without end", 1000, 8],
    ["of empty rows without end", 0, 1],
  ])("%s is given up when it is over what a get collects", async (_, dataBytes, rowsMax) => {
    let taken = 0;
    async function* endless() {
      yield* arriving([SCHEMA]);
      for (;;) {
        taken += 1;
        yield* arriving([rowMessage(taken, taken === 1 ? "base" : "patch", Buffer.alloc(dataBytes))]);
      }
    }
    await expect(readAnswer(endless(), 10_000)).rejects.toMatchObject({ code: "OBJECT_TOO_LARGE" });
    expect(taken * (dataBytes + 512)).toBeLessThan(10_000 * 2 * rowsMax);
  });

  it("is refused before it is collected when its version stands behind a mebibyte of nothing", async () => {
    const offset = LIMITS.opaqueFrontBytesMax;
    const none = { offset: 0, sizeBytes: 0 };
    const kind = [none, { offset: 0, sizeBytes: 8 }, { offset: 8, sizeBytes: 4 }];
    const data = [none, { offset: 16, sizeBytes: 8 }, { offset: 24, sizeBytes: 8 }];
    const body = Buffer.alloc(offset + 8);
    const node = { length: 1, nullCount: 0 };
    const header = encodeRecordBatchMessage({
      rowCount: 1,
      nodes: [node, node, node],
      buffers: [none, { offset, sizeBytes: 8 }, ...kind, ...data],
      bodySizeBytes: body.length,
    });
    await expect(readAnswer(arriving([SCHEMA, { header, body }]))).rejects.toThrow("too far from the start");
  });

  it("is refused or read, never misread, with any bit of a header flipped", async () => {
    const row = rowMessage(1, "base", DATA);
    for (let bit = 0; bit < row.header.length * 8; bit++) {
      const header = Buffer.from(row.header);
      header[bit >> 3]! ^= 1 << (bit & 7);
      await refusalOf([SCHEMA, { ...row, header }]);
    }
  });

  it("is refused or read with any bytes in its front", async () => {
    const row = rowMessage(1, "base", DATA);
    const anyFront = fc.uint8Array({ minLength: 32, maxLength: 32 });
    await fc.assert(
      fc.asyncProperty(anyFront, async (front) => {
        await refusalOf([SCHEMA, { ...row, body: Buffer.concat([front, row.body.subarray(32)]) }]);
      }),
    );
  });
});

describe("an answer about a table", () => {
  it.each(["nested", "dictionaries", "deltas", "replaced", "zstd", "no-rows", "no-columns"])(
    "is a stream with a part for each message: %s",
    async (name) => {
      const messages = tableMessages(name, "00000000000000000012");
      const answer = await readAnswer(arriving(messages, 100));
      expect(answer).toMatchObject({ kind: "table", version: 12 });
      const stream = Buffer.concat(answer.kind === "table" ? answer.parts : []);
      const { batches } = splitIpc(stream);
      expect(batches.map(({ body }) => Buffer.from(body))).toEqual(messages.slice(1).map(({ body }) => body));
      const chunks: Uint8Array[] = [];
      for await (const chunk of objectChunks(arriving(messages, 100), { asStored: false }))
        chunks.push(chunk);
      expect(Buffer.concat(chunks).equals(stream)).toBe(true);
    },
  );

  it.each(["", "1e3", "-1", "99999999999999999999"])("of the version %j is refused", async (version) => {
    await expect(readAnswer(arriving(tableMessages("nested", version)))).rejects.toThrow(
      expect.objectContaining({ code: "INVALID_IPC" }),
    );
  });

  it.each(["deltas", "replaced", "dictionaries"])(
    "gives each batch with its own dictionaries: %s",
    async (name) => {
      const whole = splitIpc(goldenStream(name)).batches.length;
      let batches = 0;
      for await (const batch of objectBatches(arriving(tableMessages(name, "1")), "ipc")) {
        expect(batch).toHaveProperty("sizeBytes");
        batches += 1;
      }
      expect(batches).toBeGreaterThan(0);
      expect(batches).toBeLessThan(whole);
    },
  );
});

describe("what is held and an answer", () => {
  const base = Buffer.from("base");
  const held = { kind: "opaque", version: 5, base, patches: [Buffer.from("five")] } as const;
  const patch = (version: number) =>
    ({ version, kind: "patch", data: Buffer.from(String(version)) }) as const;
  const whole = (version: number) => ({ version, kind: "base", data: Buffer.from("new") }) as const;

  it("is what is held when nothing came", () => {
    expect(joinAnswer(held, { kind: "opaque", rows: [] })).toBe(held);
    expect(joinAnswer(undefined, { kind: "opaque", rows: [] })).toBeUndefined();
  });

  it("is what is held and the patches that follow", () => {
    const joined = joinAnswer(held, { kind: "opaque", rows: [patch(6), patch(7)] });
    expect(joined).toEqual({
      ...held,
      version: 7,
      patches: ["five", "6", "7"].map((text) => Buffer.from(text)),
    });
    expect(held.patches).toHaveLength(1);
  });

  it("is a new base with its patches", () => {
    expect(joinAnswer(held, { kind: "opaque", rows: [whole(8), patch(9)] })).toEqual({
      kind: "opaque",
      version: 9,
      base: Buffer.from("new"),
      patches: [Buffer.from("9")],
    });
  });

  it.each([
    ["that skip one", [patch(7)]],
    ["that begin too early", [patch(5), patch(6)]],
    ["in a wrong order", [patch(7), patch(6)]],
    ["with a base behind them", [patch(6), whole(7)]],
  ])("does not join with patches %s", (_, rows) => {
    expect(joinAnswer(held, { kind: "opaque", rows })).toBeUndefined();
    expect(joinAnswer(undefined, { kind: "opaque", rows })).toBeUndefined();
  });
});
