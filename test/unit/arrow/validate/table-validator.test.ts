/**
 * Tables as they are put, in chunks of any size: every layout of the golden tables is accepted, and what leads out of a buffer is not.
 *
 * What one changed byte does to each of them, judged by another library: test/interop/mutated-tables.test.ts.
 */
import { describe, expect, it } from "vitest";
import { decodeMessage, type IpcMessage, UNKNOWN_NULLS } from "../../../../src/arrow/message.ts";
import {
  encodeRecordBatchMessage,
  encodeSchemaMessage,
  type RecordBatchParts,
} from "../../../../src/arrow/message-writer.ts";
import { decodeSchema } from "../../../../src/arrow/schema.ts";
import { checkedSchemaSteps, TableValidator } from "../../../../src/arrow/validate/table-validator.ts";
import { atOnce } from "../../../../src/turns.ts";
import { GOLDEN, goldenStream, splitStream } from "../golden.ts";

type BatchMessage = Exclude<IpcMessage, { kind: "schema" }>;
type Level = "structure" | "full";

/** Puts a stream through the validator, bodies in chunks of this size. */
function check(
  stream: readonly { header: Uint8Array; body: Buffer }[],
  level: Level,
  chunkBytes: number,
): void {
  const [schema, ...batches] = stream;
  const plan = atOnce(checkedSchemaSteps(schema!.header, decodeSchema(schema!.header)));
  const validator = new TableValidator(plan, level);
  for (const { header, body } of batches) {
    validator.begin(header, decodeMessage(header) as BatchMessage);
    for (let at = 0; at < body.length; at += chunkBytes) validator.take([body.subarray(at, at + chunkBytes)]);
    validator.end();
  }
}

const NAMES = Object.keys(GOLDEN.streams);
const REFUSED = expect.objectContaining({ code: "INVALID_IPC" });

describe.each(["structure", "full"] as const)("at the level %s a golden table", (level) => {
  it.each(NAMES)("is accepted in chunks of any size: %s", (name) => {
    const stream = splitStream(goldenStream(name));
    for (const chunkBytes of [1, 3, 7, 64, 1000, 16_384]) check(stream, level, chunkBytes);
  });

  it.each(NAMES)("is judged alike in chunks of any size when a byte of it changed: %s", (name) => {
    const stream = splitStream(goldenStream(name));
    const [last] = stream.slice(-1);
    const verdicts = [1, 5, 4096].map((chunkBytes) =>
      Array.from({ length: Math.ceil(last!.body.length / 7) }, (_, index) => {
        const body = Buffer.from(last!.body);
        body[7 * index]! ^= 0x80;
        return isAccepted([...stream.slice(0, -1), { ...last!, body }], level, chunkBytes);
      }),
    );
    expect(verdicts[1]).toEqual(verdicts[0]);
    expect(verdicts[2]).toEqual(verdicts[0]);
  });
});

function isAccepted(stream: Parameters<typeof check>[0], level: Level, chunkBytes: number): boolean {
  try {
    check(stream, level, chunkBytes);
    return true;
  } catch (error) {
    expect(error).toEqual(REFUSED);
    return false;
  }
}

const TEXT = encodeSchemaMessage({ fields: [{ name: "t", type: "utf8", nullable: true }] });

/** A batch of three strings, "ab", null and "cdé", with something else about it. */
function textBatch(change: Partial<RecordBatchParts> = {}, offsets = [0, 2, 2, 6], text = "abcdé") {
  const body = Buffer.alloc(40);
  body[0] = 0b101;
  for (const [index, offset] of offsets.entries()) body.writeInt32LE(offset, 8 + 4 * index);
  body.write(text, 24);
  const header = encodeRecordBatchMessage({
    rowCount: 3,
    nodes: [{ length: 3, nullCount: 1 }],
    buffers: [
      { offset: 0, sizeBytes: 1 },
      { offset: 8, sizeBytes: 16 },
      { offset: 24, sizeBytes: 6 },
    ],
    bodySizeBytes: body.length,
    ...change,
  });
  return [
    { header: TEXT, body: Buffer.alloc(0) },
    { header, body },
  ];
}

const [BITS, OFFSETS, DATA] = [
  { offset: 0, sizeBytes: 1 },
  { offset: 8, sizeBytes: 16 },
  { offset: 24, sizeBytes: 6 },
];

describe("a batch of strings", () => {
  it("is accepted as it is", () => {
    check(textBatch(), "full", 5);
  });

  it("is accepted when its writer did not count the nulls, with a validity bitmap and without", () => {
    const nodes = [{ length: 3, nullCount: UNKNOWN_NULLS }];
    const buffers = [{ offset: 0, sizeBytes: 0 }, OFFSETS, DATA];
    expect(isAccepted(textBatch({ nodes }), "full", 5)).toBe(true);
    expect(isAccepted(textBatch({ nodes, buffers }), "full", 5)).toBe(true);
    expect(isAccepted(textBatch({ nodes: [{ length: 3, nullCount: -2 }] }), "full", 5)).toBe(false);
  });

  it.each([
    ["has a node too many", textBatch({ nodes: Array(2).fill({ length: 3, nullCount: 1 }) })],
    ["has no node", textBatch({ nodes: [] })],
    ["has more nulls than rows", textBatch({ nodes: [{ length: 3, nullCount: 4 }] })],
    ["has fewer nulls than it says", textBatch({ nodes: [{ length: 3, nullCount: 2 }] })],
    ["has a column of other rows than the batch", textBatch({ rowCount: 4 })],
    ["has a buffer too few", textBatch({ buffers: [BITS!, OFFSETS!] })],
    ["has a buffer too many", textBatch({ buffers: [BITS!, OFFSETS!, DATA!, { offset: 32, sizeBytes: 8 }] })],
    ["has buffers that go back", textBatch({ buffers: [OFFSETS!, { offset: 0, sizeBytes: 16 }, DATA!] })],
    [
      "has a buffer that is not aligned",
      textBatch({ buffers: [BITS!, OFFSETS!, { offset: 25, sizeBytes: 6 }] }),
    ],
    ["has too few offsets", textBatch({ buffers: [BITS!, { offset: 8, sizeBytes: 12 }, DATA!] })],
    ["has no bits for its nulls", textBatch({ buffers: [{ offset: 0, sizeBytes: 0 }, OFFSETS!, DATA!] })],
    ["has offsets that go back", textBatch({}, [0, 2, 1, 6])],
    ["has a negative offset", textBatch({}, [-1, 2, 2, 6])],
    ["has an offset behind its data", textBatch({}, [0, 2, 2, 7])],
  ])("that %s is refused", (_, stream) => {
    expect(() => check(stream, "structure", 5)).toThrow(REFUSED);
  });

  it("is refused for a string that begins within a character by full validation only", () => {
    const stream = textBatch({}, [0, 2, 5, 6]);
    check(stream, "structure", 5);
    for (const chunkBytes of [1, 5, 100]) expect(() => check(stream, "full", chunkBytes)).toThrow(REFUSED);
  });
});

describe("a schema", () => {
  it("is refused when it has a body", () => {
    const header = Buffer.from(TEXT);
    const message = decodeMessage(header);
    expect(message.bodySizeBytes).toBe(0);
    const place = Array.from(header.keys()).find((at) => {
      const changed = Buffer.from(header);
      changed[at]! ^= 8;
      try {
        return decodeMessage(changed).bodySizeBytes === 8;
      } catch {
        return false;
      }
    })!;
    header[place]! ^= 8;
    expect(() => check([{ header, body: Buffer.alloc(0) }], "structure", 1)).toThrow(REFUSED);
  });
});
