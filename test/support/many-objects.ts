/**
 * A storage directory with many small objects, written as the engine writes them but without its care: no staging, no sync.
 *
 * Each value is of one size and begins with its key, so that a get can be told from another one's.
 */
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import type { ByteSink } from "../../src/object/byte-sink.ts";
import { OpaqueWriter } from "../../src/object/opaque-writer.ts";

export interface StorePlan {
  readonly directory: string;
  readonly sessions: number;
  readonly objectsPerSession: number;
  readonly valueSizeBytes: number;
}

export const STORE_APPLICATION = "rl";

export function sessionName(number: number): string {
  return `session-${String(number).padStart(4, "0")}`;
}

/** An object id as long as the server's own, and the same in every run. */
export function objectName(number: number): string {
  return `00000000-0000-4000-8000-${String(number).padStart(12, "0")}`;
}

export function valueUnder(key: string, sizeBytes: number): Buffer {
  const value = Buffer.alloc(sizeBytes, ".");
  value.write(key);
  return value;
}

/** Gathers what a writer appends. */
class BufferSink implements ByteSink {
  #bytes = Buffer.alloc(0);

  get sizeBytes(): number {
    return this.#bytes.length;
  }

  get bytes(): Buffer {
    return this.#bytes;
  }

  append(chunks: readonly Uint8Array[]): undefined {
    this.#bytes = Buffer.concat([this.#bytes, ...chunks]);
  }

  overwrite(position: number, bytes: Uint8Array): undefined {
    this.#bytes.set(bytes, position);
  }
}

/** Fills the directory, unless it is there: then it is taken as it is. */
export async function makeStore({
  directory,
  sessions,
  objectsPerSession,
  valueSizeBytes,
}: StorePlan): Promise<void> {
  if (existsSync(`${directory}/${STORE_APPLICATION}`)) return;
  for (let session = 0; session < sessions; session += 1) {
    const prefix = `${STORE_APPLICATION}/${sessionName(session)}`;
    mkdirSync(`${directory}/${prefix}`, { recursive: true });
    for (let object = 0; object < objectsPerSession; object += 1) {
      const key = `${prefix}/${objectName(object)}`;
      const sink = new BufferSink();
      const writer = new OpaqueWriter(sink);
      await writer.append([valueUnder(key, valueSizeBytes)]);
      await writer.finish(1);
      writeFileSync(`${directory}/${key}.arrow`, sink.bytes);
    }
  }
}
