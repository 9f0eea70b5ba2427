/**
 * What is stored, as what a user gets: the mirror of encode-value.ts, and of what Python writes.
 *
 * A value may be decoded again and again from the same bytes (the client cache holds them), so what is handed out never
 * shares memory with bytes that are `shared`; otherwise bytes, tensors and tables are views of what came.
 */
import { isCacheError } from "../../errors.ts";
import { decodeTable, onlyColumn, type TableForm } from "./arrow-libraries.ts";
import { frameMessage, frameSchema, splitIpc, streamEnd } from "./ipc-messages.ts";
import { decodeJson } from "./json-value.ts";
import { decodeTensor } from "./tensor.ts";
import { pickledError, readTag, TAG_SIZE_BYTES, unreadable, untaggedError } from "./value-tags.ts";

export interface DecodeOptions {
  readonly tables: TableForm;
  /** True when the bytes are kept by somebody else too. */
  readonly shared: boolean;
}

/** @param data an opaque value, tag first. @throws {CacheError} UNREADABLE_VALUE naming the tag, or that there is none. */
export async function decodeOpaque(data: Uint8Array, options: DecodeOptions): Promise<unknown> {
  const tag = readTag(data);
  const payload = data.subarray(TAG_SIZE_BYTES);
  switch (tag) {
    case "json":
      return decodeJson(payload);
    case "bytes":
      return plainBytes(payload, options.shared);
    case "numpy":
      return decodeTensor(payload, !options.shared);
    case "table":
    case "recordBatch":
      return await decodeTable(alignedParts(payload), options.tables);
    case "array":
      return onlyColumn(await decodeTable(alignedParts(payload), options.tables), options.tables);
    case "cloudpickle":
    case "bufferedPickle":
      throw pickledError(tag);
    default:
      throw untaggedError();
  }
}

/** @param parts a stream in parts, one per message. @throws {CacheError} UNREADABLE_VALUE */
export async function decodeTableParts(
  parts: readonly Uint8Array[],
  options: DecodeOptions,
): Promise<object> {
  return await decodeTable(options.shared ? parts.map(copyOf) : parts, options.tables);
}

/** The payload of a value of bytes, or the bytes of a file that was uploaded as it is. */
export function untaggedBytes(data: Uint8Array, shared: boolean): Uint8Array {
  return plainBytes(readTag(data) === "bytes" ? data.subarray(TAG_SIZE_BYTES) : data, shared);
}

/** A Uint8Array, not a Buffer, so that two equal values look equal. */
function plainBytes(bytes: Uint8Array, copied: boolean): Uint8Array {
  return copied ? copyOf(bytes) : new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function copyOf(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes);
}

/** An IPC stream within a value stands at any address: its messages are copied to where libraries can read them. */
function alignedParts(stream: Uint8Array): Uint8Array[] {
  try {
    const { schemaHeader, batches } = splitIpc(stream);
    const framed = batches.map(({ header, body }) => {
      const message = frameMessage(header, body.byteLength);
      message.body.set(body);
      return message.part;
    });
    return [frameSchema(schemaHeader), ...framed, streamEnd()];
  } catch (cause) {
    if (!isCacheError(cause)) throw cause;
    throw unreadable("the value is tagged as a table and is none", cause);
  }
}
