/**
 * Decodes stored bytes to the user's value: the reverse of encode-value.ts, and of the Python
 * client.
 *
 * The client keeps bytes and may decode them several times. So a value never shares memory with
 * bytes that are `shared`. Otherwise bytes, tensors and tables are views of the received bytes.
 */
import { isCacheError } from "../../errors.ts";
import { TAG_SIZE_BYTES } from "../../object/value-tags.ts";
import { decodeTable, onlyColumn, type TableForm } from "./arrow-libraries.ts";
import { frameMessage, frameSchema, splitIpc, streamEnd } from "./ipc-messages.ts";
import { decodeJson } from "./json-value.ts";
import { decodeTensor } from "./tensor.ts";
import { pickledError, readTag, unreadable, untaggedError } from "./value-tags.ts";

export interface DecodeOptions {
  readonly tables: TableForm;
  /** True if the client also keeps the bytes. */
  readonly shared: boolean;
}

/**
 * @param data an opaque value, tag first.
 * @throws {CacheError} UNREADABLE_VALUE with the tag, or for a value without one.
 */
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

/** The payload of a value of bytes, or the bytes of an uploaded file. */
export function untaggedBytes(data: Uint8Array, shared: boolean): Uint8Array {
  return plainBytes(readTag(data) === "bytes" ? data.subarray(TAG_SIZE_BYTES) : data, shared);
}

/** Returns a Uint8Array, not a Buffer, so that equal values compare equal. */
function plainBytes(bytes: Uint8Array, copied: boolean): Uint8Array {
  return copied ? copyOf(bytes) : new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function copyOf(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes);
}

/** Copies the messages of an IPC stream inside a value: libraries need aligned addresses. */
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
    throw unreadable("the value is tagged as a table but is not a valid one", cause);
  }
}
