/**
 * Bytes in memory that object files are written to and read from: a sink and a source in one.
 */
import { CacheError } from "../../../src/errors.ts";
import type { ByteSink, ByteSource } from "../../../src/object/byte-sink.ts";

export class MemoryBytes implements ByteSink, ByteSource {
  bytes: Buffer;

  constructor(bytes: Uint8Array = Buffer.alloc(0)) {
    this.bytes = Buffer.from(bytes);
  }

  get sizeBytes(): number {
    return this.bytes.length;
  }

  append(chunks: readonly Uint8Array[]): undefined {
    this.bytes = Buffer.concat([this.bytes, ...chunks]);
  }

  overwrite(position: number, bytes: Uint8Array): undefined {
    if (position + bytes.length > this.bytes.length) throw new Error("only appended bytes are overwritten");
    this.bytes.set(bytes, position);
  }

  async read(position: number, lengthBytes: number): Promise<Buffer> {
    if (position < 0 || lengthBytes < 0) throw new Error("a range begins inside the file");
    if (position + lengthBytes > this.bytes.length) {
      throw new CacheError("OBJECT_CORRUPT", "the file is shorter than that");
    }
    return this.bytes.subarray(position, position + lengthBytes);
  }
}
