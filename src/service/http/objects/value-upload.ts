/**
 * Stores the body of a request as an opaque value of our clients, so that they read it as bytes, as
 * a JSON value, or as text.
 *
 * | body      | stored as                         |
 * |-----------|-----------------------------------|
 * | bytes     | the tag of bytes, the body        |
 * | JSON      | the tag of JSON, the body as sent |
 * | text      | the tag of JSON, a JSON string    |
 *
 * JSON is not parsed here: a reader finds out whether it is valid.
 */
import type { CommitOptions, Draft } from "../../../cache/put-draft.ts";
import type { OpaqueWriter as Writer } from "../../../object/opaque-writer.ts";
import { OpaqueWriter } from "../../../object/opaque-writer.ts";
import { encodeTag, TAG_SIZE_BYTES } from "../../../object/value-tags.ts";
import { turnIfLarge } from "../../../turns.ts";
import type { BodyReader } from "../body-reader.ts";
import { JsonTextEncoder } from "../json-text.ts";
import type { BodyForm } from "../media-types.ts";

export interface ValueUpload {
  readonly form: Exclude<BodyForm, "stream" | "file">;
  readonly reader: BodyReader;
  /** As announced; undefined if the body is chunked. */
  readonly sizeBytes: number | undefined;
}

/**
 * @returns the new version.
 * @throws {CacheError} STORAGE_FULL before the body is read if it can never fit, and the errors of a
 *   put.
 */
export async function receiveValue(draft: Draft, upload: ValueUpload, terms: CommitOptions): Promise<number> {
  const writer = new OpaqueWriter(draft.sink);
  draft.announce((upload.sizeBytes ?? 0) + TAG_SIZE_BYTES + writer.owedBytes);
  await writer.append([encodeTag(upload.form === "bytes" ? "bytes" : "json")]);
  if (upload.form === "text") await receiveText(writer, upload.reader);
  else await receiveBytes(writer, upload.reader);
  return await draft.commit(writer, terms);
}

async function receiveBytes(writer: Writer, reader: BodyReader): Promise<void> {
  for (let chunk = await reader.next(); chunk !== undefined; chunk = await reader.next()) {
    await writer.append([chunk]);
    const turn = turnIfLarge(chunk.length);
    if (turn !== undefined) await turn;
  }
}

async function receiveText(writer: Writer, reader: BodyReader): Promise<void> {
  const encoder = new JsonTextEncoder();
  await writer.append([encoder.begin()]);
  for (let chunk = await reader.next(); chunk !== undefined; chunk = await reader.next()) {
    await writer.append([encoder.push(chunk)]);
    const turn = turnIfLarge(chunk.length);
    if (turn !== undefined) await turn;
  }
  await writer.append([encoder.end()]);
}
