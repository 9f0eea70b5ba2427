/**
 * Passes an Arrow IPC stream or file in the body of a request on to a put, message by message.
 *
 * A file is read from front to back, like a stream behind its magic; its footer only has to be
 * complete. Headers of messages are collected, bodies pass as views. Frames of Arrow before 0.15,
 * without the continuation marker, are refused.
 * Source: Arrow format, "Encapsulated message format" and "IPC File Format".
 */

import { MAGIC_BYTES_MAX } from "../../arrow/first-message.ts";
import { FILE_MAGIC, footerSizeBytes } from "../../arrow/footer.ts";
import { invalidIpc } from "../../arrow/invalid-ipc.ts";
import { decodeBodySize, decodeMessage } from "../../arrow/message.ts";
import { CacheError } from "../../errors.ts";
import { LIMITS } from "../../limits.ts";
import { turnIfDue } from "../../turns.ts";
import type { IncomingPut } from "../incoming-put.ts";
import type { BodyReader } from "./body-reader.ts";
import type { Transfer } from "./transfers.ts";

const CONTINUATION = Buffer.from("ffffffff", "hex");
const WORD_BYTES = 4;
const MAGIC_BYTES = 6;
const TRAILER_BYTES = 10;
const NO_APP_METADATA = new Uint8Array(0);

export interface IpcUpload {
  readonly form: "stream" | "file";
  readonly reader: BodyReader;
  readonly transfer: Transfer;
  readonly put: IncomingPut;
}

/** @throws {CacheError} INVALID_IPC and the errors of IncomingPut. */
export async function receiveIpc(upload: IpcUpload): Promise<void> {
  const isFile = upload.form === "file";
  let isFirst = true;
  let mark = isFile ? await skipMagic(upload.reader) : await upload.reader.exactly(WORD_BYTES);
  if (mark.length === 0) throw truncated("it has no schema");
  while (mark.length > 0) {
    if (!mark.equals(CONTINUATION)) {
      if (!isFile) throw invalidIpc("a message does not begin with the continuation marker FFFFFFFF");
      // A writer that leaves out the end of the stream: the footer follows.
      return await receiveFooter(upload.reader, mark);
    }
    const size = await upload.reader.exactly(WORD_BYTES);
    if (size.length < WORD_BYTES) throw truncated("the frame of a message is incomplete");
    const headerBytes = size.readInt32LE(0);
    if (headerBytes === 0) {
      return isFile ? await receiveFooter(upload.reader, NO_BYTES) : await expectEnd(upload.reader);
    }
    await receiveMessage(headerBytes, upload, isFirst);
    isFirst = false;
    mark = await upload.reader.exactly(WORD_BYTES);
    const turn = turnIfDue();
    if (turn !== undefined) await turn;
  }
  if (isFile) throw truncated("it has no footer");
}

const NO_BYTES = Buffer.alloc(0);

async function receiveMessage(
  headerBytes: number,
  { reader, transfer, put }: IpcUpload,
  isFirst: boolean,
): Promise<void> {
  if (headerBytes < 0) throw invalidIpc("the size of a message header is negative");
  if (headerBytes > LIMITS.dataHeaderBytesMax) {
    const text = `the header of a message is over ${LIMITS.dataHeaderBytesMax} bytes`;
    throw new CacheError("OBJECT_TOO_LARGE", text, { facts: { headerBytes } });
  }
  transfer.hold(headerBytes);
  const dataHeader = await reader.exactly(headerBytes);
  if (dataHeader.length < headerBytes) throw truncated("the header of a message is incomplete");
  // apache-arrow for JavaScript writes files whose schema is in the footer only.
  if (isFirst && decodeMessage(dataHeader).kind !== "schema") {
    throw invalidIpc("the first message is not a schema; send an Arrow stream instead of a file");
  }
  const bodySizeBytes = decodeBodySize(dataHeader);
  await put.head({ dataHeader, bodySizeBytes });
  for (let left = bodySizeBytes; left > 0; ) {
    const view = await reader.next(left);
    if (view === undefined) throw truncated("the body of a message is incomplete");
    left -= view.length;
    await put.body([view]);
  }
  const paddingBytes = (8 - (bodySizeBytes % 8)) % 8;
  const padding = await reader.exactly(paddingBytes);
  if (padding.length < paddingBytes) throw truncated("the body of a message is incomplete");
  put.end(NO_APP_METADATA);
  transfer.release(headerBytes);
}

/** Skips the magic and the zeros behind it. @returns the first four bytes of the first message. */
async function skipMagic(reader: BodyReader): Promise<Buffer> {
  const magic = await reader.exactly(MAGIC_BYTES);
  if (!magic.equals(FILE_MAGIC.subarray(0, MAGIC_BYTES))) {
    throw invalidIpc("the file does not begin with the Arrow magic");
  }
  for (let skippedBytes = MAGIC_BYTES; skippedBytes < MAGIC_BYTES_MAX; skippedBytes += 1) {
    const first = await reader.exactly(1);
    if (first.length === 0) return first;
    if (first[0] !== 0) return Buffer.concat([first, await reader.exactly(WORD_BYTES - 1)]);
  }
  throw invalidIpc("no message follows the Arrow magic");
}

/** Reads the rest of a file, which must be exactly its footer. @param mark its first bytes */
async function receiveFooter(reader: BodyReader, mark: Buffer): Promise<void> {
  let end = Buffer.from(mark);
  let footerBytes = mark.length;
  for (let piece = await reader.next(); piece !== undefined; piece = await reader.next()) {
    footerBytes += piece.length;
    end = Buffer.from(Buffer.concat([end, piece.subarray(-TRAILER_BYTES)]).subarray(-TRAILER_BYTES));
  }
  if (footerSizeBytes(end) !== footerBytes) throw truncated("expected a message or the footer of the file");
}

async function expectEnd(reader: BodyReader): Promise<void> {
  if ((await reader.next()) !== undefined) throw invalidIpc("bytes follow the end of the Arrow stream");
}

function truncated(what: string): CacheError {
  return invalidIpc(`the Arrow data is truncated or damaged: ${what}`);
}
