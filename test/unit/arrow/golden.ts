/**
 * Golden bytes made by pyarrow (test/golden/make_golden.py) and what they hold, for the tests of this folder.
 */
import { readFileSync } from "node:fs";
import { readFramedHeader } from "../../../src/arrow/encapsulated.ts";
import { decodeMessage, type IpcMessage } from "../../../src/arrow/message.ts";
import type { ArrowField } from "../../../src/arrow/schema.ts";

const FOLDER = new URL("../../golden/arrow/", import.meta.url);

export interface GoldenField {
  name: string;
  nullable: boolean;
  type: string;
  children: GoldenField[];
  dictionary?: { indexType: string; isOrdered: boolean };
  metadata: [string, string][];
}

interface GoldenTable {
  fields: GoldenField[];
  metadata: [string, string][];
  rows: number[];
}

interface Golden {
  streams: Record<
    string,
    GoldenTable & { compression: string; messages: { kind: string; bodySizeBytes: number }[] }
  >;
  files: Record<string, GoldenTable & { footerMetadata: [string, string][] }>;
}

export const GOLDEN: Golden = JSON.parse(readFileSync(new URL("golden.json", FOLDER), "utf8"));

export function goldenStream(name: string): Buffer {
  return readFileSync(new URL(`${name}.arrows`, FOLDER));
}

export function goldenFile(name: string): Buffer {
  return readFileSync(new URL(`${name}.arrow`, FOLDER));
}

export interface SplitMessage {
  readonly header: Uint8Array;
  readonly body: Buffer;
  readonly message: IpcMessage;
}

/** The messages of a stream up to its end, as views. */
export function splitStream(stream: Buffer): SplitMessage[] {
  const messages: SplitMessage[] = [];
  for (let position = 0; position < stream.length; ) {
    const { header, sizeBytes } = readFramedHeader(stream, position);
    position += sizeBytes;
    if (header.length === 0) break;
    const message = decodeMessage(header);
    const body = stream.subarray(position, position + message.bodySizeBytes);
    messages.push({ header, body, message });
    position += message.bodySizeBytes;
  }
  return messages;
}

/** The header of a golden stream's Schema message. */
export function goldenSchemaHeader(name: string): Uint8Array {
  return readFramedHeader(goldenStream(name), 0).header;
}

/** A decoded field in the words of golden.json: no dictionary ids, metadata in any order. */
export function fieldFacts(field: ArrowField): GoldenField {
  const { name, nullable, type, dictionary } = field;
  return {
    name,
    nullable,
    metadata: [...field.metadata].map(([key, value]): [string, string] => [key, value]).sort(),
    ...(dictionary && {
      dictionary: { indexType: dictionary.indexType.name, isOrdered: dictionary.isOrdered },
    }),
    type: type.name,
    children: field.children.map(fieldFacts),
  };
}
