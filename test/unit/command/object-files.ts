/**
 * Object files for the commands to look at: one the cache writes, and ones pyarrow wrote.
 */
import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { ByteSink } from "../../../src/object/byte-sink.ts";
import { OpaqueWriter } from "../../../src/object/opaque-writer.ts";

class ArraySink implements ByteSink {
  bytes = Buffer.alloc(0);
  get sizeBytes(): number {
    return this.bytes.length;
  }
  append(chunks: readonly Uint8Array[]): undefined {
    this.bytes = Buffer.concat([this.bytes, ...chunks]);
  }
  overwrite(position: number, bytes: Uint8Array): undefined {
    this.bytes.set(bytes, position);
  }
}

/** Writes an opaque object as the cache would, changed by `change` on its way to the disk. */
export async function writeOwnFile(
  path: string,
  value: string,
  change = (bytes: Buffer) => bytes,
): Promise<void> {
  const sink = new ArraySink();
  const writer = new OpaqueWriter(sink);
  await writer.append([Buffer.from(value)]);
  await writer.finish(7);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, change(sink.bytes));
}

/** Puts one of the files of test/golden/arrow at a path. */
export function copyGoldenFile(name: string, path: string): void {
  mkdirSync(dirname(path), { recursive: true });
  copyFileSync(join(fileURLToPath(new URL("../../golden/arrow", import.meta.url)), name), path);
}

/** What a command writes. */
export class Written {
  out = "";
  err = "";
  readonly stdout = {
    write: (text: string): void => {
      this.out += text;
    },
  };
  readonly stderr = {
    write: (text: string): void => {
      this.err += text;
    },
  };
}
