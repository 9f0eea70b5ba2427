/**
 * Damaged object files: whatever is cut off or flipped, reading one ends in OBJECT_CORRUPT, in "not whole yet", or cleanly.
 */
import { beforeAll, describe, expect, it } from "vitest";
import { isCacheError } from "../../../src/errors.ts";
import { CACHE_MARK } from "../../../src/object/file-head.ts";
import { readStoredObject } from "../../../src/object/stored-object.ts";
import { verifyObject } from "../../../src/object/verify-object.ts";
import { bitFlips, overwrites, truncations } from "../arrow/damage.ts";
import { goldenFile } from "../arrow/golden.ts";
import { MemoryBytes } from "./memory-bytes.ts";
import {
  asFlameTable,
  goldenTable,
  readAll,
  type WrittenObject,
  writeOpaque,
  writeTable,
} from "./sample-objects.ts";

// A hundred thousand errors are made here and no trace is read: making them takes most of the time.
Error.stackTraceLimit = 0;

type Outcome = "whole" | "not whole yet" | "OBJECT_CORRUPT";

/** Reads everything there is to read. Any error but OBJECT_CORRUPT is thrown on. */
async function read(bytes: Buffer, form: "file" | "stream" | "either"): Promise<Outcome> {
  try {
    const object = await readStoredObject(new MemoryBytes(bytes), form);
    if (object === undefined) return "not whole yet";
    await readAll(object);
    return "whole";
  } catch (error) {
    if (isCacheError(error, "OBJECT_CORRUPT")) return "OBJECT_CORRUPT";
    throw error;
  }
}

async function isVerified(bytes: Buffer, form: "file" | "stream"): Promise<boolean> {
  try {
    await verifyObject(new MemoryBytes(bytes), form);
    return true;
  } catch (error) {
    if (isCacheError(error, "OBJECT_CORRUPT")) return false;
    throw error;
  }
}

async function outcomes(
  damaged: Iterable<Buffer>,
  form: "file" | "stream" | "either",
): Promise<Map<Outcome, number>> {
  const found = new Map<Outcome, number>();
  for (const bytes of damaged) {
    const outcome = await read(bytes, form);
    found.set(outcome, (found.get(outcome) ?? 0) + 1);
  }
  return found;
}

const OWN: readonly (readonly [string, () => Promise<WrittenObject>])[] = [
  ["an opaque file of two rows", () => writeOpaque([Buffer.alloc(100, 7)], { rowBytesMax: 64 })],
  [
    "a Flame table with app_metadata",
    () => writeTable(asFlameTable(goldenTable("deltas")), { appMetadata: ["a"] }),
  ],
  ["an IPC stream", () => writeTable(goldenTable("replaced"))],
];

describe.each(OWN)("%s that the cache wrote", (_, write) => {
  let bytes: Buffer;
  let form: "file" | "stream";

  beforeAll(async () => {
    const written = await write();
    bytes = written.file.bytes;
    form = written.form;
  });

  it("is whole", async () => {
    expect(await read(bytes, form)).toBe("whole");
    expect(await isVerified(bytes, form)).toBe(true);
  });

  it("is whole for who does not know its form", async () => {
    expect(await read(bytes, "either")).toBe("whole");
  });

  it("is never whole when anything is cut off", async () => {
    const found = await outcomes(truncations(bytes), form);
    expect([...found.keys()].sort()).toEqual(["OBJECT_CORRUPT", "not whole yet"]);
  });

  it("is damaged when cut behind its head", async () => {
    const afterHead = [...truncations(bytes)].slice(bytes.indexOf(CACHE_MARK) + CACHE_MARK.length);
    expect([...(await outcomes(afterHead, form)).keys()]).toEqual(["OBJECT_CORRUPT"]);
  });

  it("is read or damaged whatever bit is flipped, and nothing else happens", async () => {
    const found = await outcomes(bitFlips(bytes), form);
    expect([...found.keys()].sort()).toEqual(["OBJECT_CORRUPT", "whole"]);
  });

  it("is found to be damaged by verify whatever bit is flipped", async () => {
    const missed: number[] = [];
    let bit = 0;
    for (const flipped of bitFlips(bytes)) {
      if (await isVerified(flipped, form)) missed.push(bit);
      bit += 1;
    }
    expect(missed).toEqual([]);
  });

  it("is read or damaged whatever number is written into it", async () => {
    const found = await outcomes(overwrites(bytes, [0, 1, 0x7fffffff, 0x80000000, 0xffffffff]), form);
    expect([...found.keys()].sort()).toEqual(["OBJECT_CORRUPT", "whole"]);
  });

  it("is never whole for who takes it for the other form", async () => {
    expect(await read(bytes, form === "file" ? "stream" : "file")).toBe("OBJECT_CORRUPT");
  });

  it("is damaged when bytes are appended to it or put before it", async () => {
    expect(await read(Buffer.concat([bytes, Buffer.alloc(8)]), form)).toBe("OBJECT_CORRUPT");
    expect(await read(Buffer.concat([Buffer.alloc(8), bytes]), form)).toBe("OBJECT_CORRUPT");
  });
});

describe("a file that pyarrow wrote", () => {
  const bytes = goldenFile("dictionaries");

  it("is whole", async () => {
    expect(await read(bytes, "file")).toBe("whole");
  });

  it("is not whole yet, and never damaged, while it is still being written", async () => {
    expect(await outcomes(truncations(bytes), "file")).toEqual(new Map([["not whole yet", bytes.length]]));
  });

  it("is read, damaged or not whole whatever bit is flipped, and nothing else happens", async () => {
    const found = await outcomes(bitFlips(bytes), "file");
    expect([...found.keys()].sort()).toEqual(["OBJECT_CORRUPT", "not whole yet", "whole"]);
  });

  it("is read, damaged or not whole whatever number is written into it", async () => {
    const found = await outcomes(overwrites(bytes, [0, 1, 0x7fffffff, 0x80000000, 0xffffffff]), "file");
    expect([...found.keys()].sort()).toEqual(["OBJECT_CORRUPT", "not whole yet", "whole"]);
  });
});

describe("a file that is no object", () => {
  it.each([
    ["nothing", Buffer.alloc(0), "not whole yet"],
    ["the magic alone", Buffer.from("ARROW1"), "not whole yet"],
    ["both magics and nothing between", Buffer.from("ARROW1\0\0ARROW1"), "OBJECT_CORRUPT"],
    ["zeros", Buffer.alloc(1000), "OBJECT_CORRUPT"],
    ["text", Buffer.from("not an Arrow file, by a long way"), "OBJECT_CORRUPT"],
  ] as const)("is told when it holds %s", async (_, bytes, outcome) => {
    expect(await read(bytes, "file")).toBe(outcome);
  });

  it("is told when a footer of half a gigabyte is claimed, without making room for it", async () => {
    const bytes = Buffer.concat([
      Buffer.from("ARROW1\0\0"),
      Buffer.alloc(100),
      Buffer.from("000000200000", "hex"),
    ]);
    bytes.write("ARROW1", bytes.length - 6, "latin1");
    const before = process.memoryUsage().arrayBuffers;
    expect(await read(bytes, "file")).toBe("OBJECT_CORRUPT");
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1024 ** 2);
  });
});

describe("a file that is too large to be read whole", () => {
  it("is read in parts, to the same result", async () => {
    const value = Buffer.alloc(300_000, "large");
    const { file, form } = await writeOpaque([value]);
    const object = (await readStoredObject(file, form, 64 * 1024))!;
    expect(object.source).toBe(file);
    expect(await readAll(object)).toBe(value.length);
  });

  it("is found to be damaged by verify wherever a bit is flipped", async () => {
    const { file, form } = await writeOpaque([Buffer.alloc(3_000_000, "large")]);
    const verified: boolean[] = [];
    for (const position of [
      0,
      600,
      1024 ** 2 - 1,
      1024 ** 2,
      2_999_999,
      file.sizeBytes - 300,
      file.sizeBytes - 1,
    ]) {
      file.bytes[position]! ^= 1;
      verified.push(await isVerified(file.bytes, form));
      file.bytes[position]! ^= 1;
    }
    expect(verified).toEqual(verified.map(() => false));
    expect(await isVerified(file.bytes, form)).toBe(true);
  });
});
