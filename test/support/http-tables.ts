/**
 * Tables as Arrow IPC bodies of requests, and bodies of answers as tables.
 */
import {
  makeVector,
  RecordBatchReader,
  Table,
  tableFromArrays,
  tableFromIPC,
  tableToIPC,
  Utf8,
  vectorFromArray,
} from "apache-arrow";

export const STREAM_TYPE = "application/vnd.apache.arrow.stream";
export const FILE_TYPE = "application/vnd.apache.arrow.file";

/** A number and a text each row, without dictionaries. */
export function numbersTable(rows: number, from = 0): Table {
  const numbers = Int32Array.from({ length: rows }, (_, index) => from + index);
  const texts = Array.from(numbers, (number) => `row ${number}`);
  return new Table({ n: makeVector(numbers), text: vectorFromArray(texts, new Utf8()) });
}

/** The same with a dictionary for its texts. */
export function dictionaryTable(rows: number, from = 0): Table {
  const numbers = Int32Array.from({ length: rows }, (_, index) => from + index);
  return tableFromArrays({ n: numbers, text: Array.from(numbers, (number) => `row ${number % 3}`) });
}

export function streamOf(...tables: readonly Table[]): Uint8Array {
  const [first, ...others] = tables;
  return tableToIPC(
    others.reduce((all, each) => all.concat(each), first!),
    "stream",
  );
}

/** The column `n` of an answer, in either form. */
export function numbersOf(body: ArrayBuffer): number[] {
  return [...(tableFromIPC(new Uint8Array(body)).getChild("n") ?? [])] as number[];
}

/** True if the body is an Arrow file that can be read at any position. */
export async function isArrowFile(body: ArrayBuffer): Promise<boolean> {
  return (await RecordBatchReader.from(new Uint8Array(body))).isFile();
}
