import fs from "node:fs";
import path from "node:path";
import { expect, it } from "vitest";
import { Unwritten, writeFully, writeFullySync } from "../../../src/storage/disk/write-fully.ts";
import { patternBytes, scratchDirectory } from "./scratch-directory.ts";

const bytes = patternBytes(3000);

/** 3000 chunks of one byte each, with an empty one before each. */
const crumbs = Array.from(bytes, (_, i) => [bytes.subarray(i, i), bytes.subarray(i, i + 1)]).flat();

it.each([
  { way: "blocking", write: async (...args: Parameters<typeof writeFullySync>) => writeFullySync(...args) },
  { way: "through the pool", write: writeFully },
])("more chunks than one call takes are all written, $way", async ({ write }) => {
  const file = path.join(scratchDirectory(), "file");
  const fd = fs.openSync(file, "w");
  await write(fd, [], 0);
  await write(fd, [Buffer.alloc(0)], 0);
  await write(fd, crumbs, 10);
  fs.closeSync(fd);
  expect(fs.readFileSync(file).equals(Buffer.concat([Buffer.alloc(10), bytes]))).toBe(true);
});

it("a failure is the caller's, blocking or through the pool", async () => {
  const file = path.join(scratchDirectory(), "file");
  fs.writeFileSync(file, "");
  const fd = fs.openSync(file, "r");
  await expect(writeFully(fd, [bytes], 0)).rejects.toMatchObject({ code: "EBADF" });
  expect(() => writeFullySync(fd, [bytes], 0)).toThrow("EBADF");
  fs.closeSync(fd);
});

it.each([1, 2, 3, 7, 100])(
  "a system that takes %i bytes at a time gets all of them once, in order",
  (takenBytes) => {
    const chunks = [
      bytes.subarray(0, 5),
      Buffer.alloc(0),
      bytes.subarray(5, 6),
      bytes.subarray(6, 300),
      Buffer.alloc(0),
    ];
    const rest = new Unwritten(chunks, 40);
    const taken: Buffer[] = [];
    while (rest.hasBytes) {
      const call = Buffer.concat(rest.nextCall());
      expect(rest.position).toBe(40 + Buffer.concat(taken).length);
      taken.push(call.subarray(0, Math.min(takenBytes, call.length)));
      rest.advance(taken.at(-1)!.length);
    }
    expect(Buffer.concat(taken).equals(bytes.subarray(0, 300))).toBe(true);
  },
);

it("a system that takes nothing is a mistake, not an endless loop", () => {
  expect(() => new Unwritten([bytes], 0).advance(0)).toThrow("assertion failed");
});
