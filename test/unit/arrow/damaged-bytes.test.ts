/**
 * Small samples cut at every byte, with every bit flipped, with hostile numbers at every place: typed errors only.
 */
import { describe, expect, it } from "vitest";
import { readFramedHeader } from "../../../src/arrow/encapsulated.ts";
import { decodeFooter, footerSizeBytes } from "../../../src/arrow/footer.ts";
import { decodeMessage } from "../../../src/arrow/message.ts";
import { encodeRecordBatchMessage } from "../../../src/arrow/message-writer.ts";
import { decodeSchema } from "../../../src/arrow/schema.ts";
import { findMetadataValue, withSchemaMetadata } from "../../../src/arrow/schema-metadata.ts";
import { assembleFile } from "./assemble-file.ts";
import { bitFlips, DECODE_MS_MAX, fastestOutcomeOf, overwrites, truncations } from "./damage.ts";
import { goldenFile, goldenSchemaHeader, goldenStream, splitStream } from "./golden.ts";

const HOSTILE_NUMBERS = [0, 4, 8, 0xffff, 0x7fffffff, 0x80000000, 0xfffffff8, 0xffffffff];

function decodeHeader(header: Uint8Array): void {
  const message = decodeMessage(header);
  if ("batch" in message) {
    message.batch.nodes();
    message.batch.buffers();
  }
}

function decodeSchemaHeader(header: Uint8Array): void {
  decodeSchema(header);
  findMetadataValue(header, "no such key");
  decodeSchema(withSchemaMetadata(header, [["flame.cache.version", "1"]]).header);
}

function decodeFile(bytes: Buffer): void {
  footerSizeBytes(bytes.subarray(-10));
  const footer = decodeFooter(bytes, bytes.length);
  for (const block of [...footer.dictionaries, ...footer.recordBatches]) {
    decodeHeader(readFramedHeader(bytes, block.position).header);
  }
}

const headers = (name: string): Uint8Array[] => splitStream(goldenStream(name)).map(({ header }) => header);
const SAMPLES: [string, Uint8Array, (bytes: Buffer) => void][] = [
  ["a nested schema", goldenSchemaHeader("nested"), decodeSchemaHeader],
  ["a schema of dictionaries", goldenSchemaHeader("dictionaries"), decodeSchemaHeader],
  ["a schema of unions", goldenSchemaHeader("unions"), decodeSchemaHeader],
  ["a schema with metadata", goldenSchemaHeader("annotated"), decodeSchemaHeader],
  [
    "a schema given new metadata",
    withSchemaMetadata(goldenSchemaHeader("annotated"), [["kept", "new"]]).header,
    decodeSchemaHeader,
  ],
  ["a dictionary batch", headers("deltas")[3]!, decodeHeader],
  ["a compressed batch", headers("zstd")[1]!, decodeHeader],
  ["a batch with views", headers("strings")[1]!, decodeHeader],
  [
    "a batch of our own",
    encodeRecordBatchMessage({
      rowCount: 1,
      nodes: [{ length: 1, nullCount: 0 }],
      buffers: [],
      bodySizeBytes: 8,
    }),
    decodeHeader,
  ],
  ["a framed message", goldenStream("version4"), (bytes) => decodeHeader(readFramedHeader(bytes, 0).header)],
  ["a file of pyarrow's", goldenFile("annotated").subarray(-900), decodeFile],
  ["a file of our own", assembleFile(goldenStream("annotated"), [["k", "v"]]).bytes, decodeFile],
];

describe.each(SAMPLES)("%s", (_what, sample, decode) => {
  const slowest = (damaged: Iterable<Buffer>): number => {
    let slowestMs = 0;
    for (const bytes of damaged) {
      slowestMs = Math.max(slowestMs, fastestOutcomeOf(() => decode(bytes)).tookMs);
    }
    return slowestMs;
  };

  it("is refused or read cleanly when cut at any byte", () => {
    expect(slowest(truncations(sample))).toBeLessThan(DECODE_MS_MAX);
  });

  it("is refused or read cleanly when any bit is flipped", () => {
    expect(slowest(bitFlips(sample))).toBeLessThan(DECODE_MS_MAX);
  });

  it("is refused or read cleanly with hostile numbers at any place", () => {
    expect(slowest(overwrites(sample, HOSTILE_NUMBERS))).toBeLessThan(DECODE_MS_MAX);
  });
});

describe("damage", () => {
  it("is found in every file that is cut short", () => {
    const { bytes } = assembleFile(goldenStream("annotated"), []);
    const refused = [...truncations(bytes)].map((cut) => fastestOutcomeOf(() => decodeFile(cut)).refused);
    expect(refused.every(Boolean)).toBe(true);
  });

  it("is found in a schema that ends before its root table or its first offset", () => {
    const refused = [...truncations(goldenSchemaHeader("annotated").subarray(0, 24))].map(
      (cut) => fastestOutcomeOf(() => decodeSchemaHeader(cut)).refused,
    );
    expect(refused.every(Boolean)).toBe(true);
  });
});
