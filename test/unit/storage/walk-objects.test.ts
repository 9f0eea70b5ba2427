/**
 * The walk of a storage directory: each object once, by its facts where one file tells all, else by its names.
 */
import fs from "node:fs";
import { describe, expect, it } from "vitest";
import { LIMITS } from "../../../src/limits.ts";
import { FactsReader } from "../../../src/storage/disk/read-facts.ts";
import { walkObjects } from "../../../src/storage/disk/walk-objects.ts";
import type { ScannedObjects } from "../../../src/storage/object-storage.ts";
import { factsAt } from "../../../src/storage/scanned-facts.ts";
import { writeOpaque } from "../object/sample-objects.ts";
import { openFiles, scratchDirectory } from "./scratch-directory.ts";

async function valueFile(sizeBytes: number, version = 1): Promise<Buffer> {
  const { file } = await writeOpaque([Buffer.alloc(sizeBytes)], { version });
  return Buffer.from(await file.read(0, file.sizeBytes));
}

/** Writes files by their paths below the directory. */
function fill(root: string, files: Readonly<Record<string, Uint8Array>>): void {
  for (const [path, bytes] of Object.entries(files)) {
    fs.mkdirSync(`${root}/${path.slice(0, path.lastIndexOf("/"))}`, { recursive: true });
    fs.writeFileSync(`${root}/${path}`, bytes);
  }
}

function walked(root: string, removals = () => 0): { found: ScannedObjects[]; unreadable: string[] } {
  const unreadable: string[] = [];
  const onUnreadable = (path: string, errno: string) => void unreadable.push(`${path} ${errno}`);
  return { found: [...walkObjects({ root, removals, onUnreadable })], unreadable };
}

function understood(found: readonly ScannedObjects[]): Record<string, unknown> {
  return Object.fromEntries(
    found.flatMap(({ applicationId, sessionId, facts }) =>
      facts.objectIds.map((id, place) => [`${applicationId}/${sessionId}/${id}`, factsAt(facts, place)]),
    ),
  );
}

function lookedAt(found: readonly ScannedObjects[]): string[] {
  return found
    .flatMap(({ names }) => names.map(({ key, part }) => `${key.sessionId}/${key.objectId} ${part.kind}`))
    .sort();
}

describe("the walk of a storage directory", () => {
  it("understands an object by the end of its file, small or large", async () => {
    const root = scratchDirectory();
    const [small, large] = [await valueFile(10), await valueFile(100_000, 7)];
    fill(root, { "a/s/small.arrow": small, "b/t/large.arrow": large });
    const { found } = walked(root);
    expect(understood(found)).toMatchObject({
      "a/s/small": { kind: "opaque", version: 1, rowCount: 1, dataBytes: 10, fileSizeBytes: small.length },
      "b/t/large": {
        kind: "opaque",
        version: 7,
        rowCount: 1,
        dataBytes: 100_000,
        fileSizeBytes: large.length,
      },
    });
    expect(lookedAt(found)).toEqual([]);
    expect(openFiles(root)).toEqual([]);
  });

  it("leaves to a closer look what one file does not tell: streams, patches, and files it does not understand", async () => {
    const root = scratchDirectory();
    const file = await valueFile(10);
    fill(root, {
      "a/s/both.arrow": file,
      "a/s/both.arrows": file,
      "a/s/patched.arrow": file,
      "a/s/.patched.v1/2.arrow": file,
      "a/s/.patched.v1/other.txt": file,
      "a/s/torn.arrow": file.subarray(0, 100),
      "a/s/simple.arrow": file,
    });
    const { found } = walked(root);
    expect(Object.keys(understood(found))).toEqual(["a/s/simple"]);
    const names = ["s/both file", "s/both stream", "s/patched file", "s/patched patch", "s/torn file"];
    expect(lookedAt(found)).toEqual(names);
  });

  it("passes over what is no object, and tells of a directory that cannot be read", async () => {
    const root = scratchDirectory();
    const file = await valueFile(10);
    fill(root, {
      "a/s/good.arrow": file,
      ".staging/x.arrow": file,
      "a/.hidden/x.arrow": file,
      "a/s/x.txt": file,
    });
    fs.symlinkSync(`${root}/a/s/good.arrow`, `${root}/a/s/link.arrow`);
    fs.mkdirSync(`${root}/a/s/directory.arrow`);
    fs.symlinkSync(`${root}/a/s`, `${root}/a/loop`);
    const { found, unreadable } = walked(root);
    expect(Object.keys(understood(found))).toEqual(["a/s/good"]);
    expect(lookedAt(found)).toEqual([]);
    expect(unreadable).toEqual([]);
    expect(walked(`${root}/a/s/good.arrow`)).toEqual({ found: [], unreadable: [] });
  });

  it("hands out few at a time, each batch with the count of removals before its first file was opened", async () => {
    const root = scratchDirectory();
    const file = await valueFile(1);
    const objects = 2 * LIMITS.scanBatchObjects + 10;
    for (let object = 0; object < objects; object += 1) fill(root, { [`a/s/${object}.arrow`]: file });
    let count = 0;
    const { found } = walked(root, () => count++);
    expect(found.map(({ facts }) => facts.objectIds.length)).toEqual([
      LIMITS.scanBatchObjects,
      LIMITS.scanBatchObjects,
      10,
    ]);
    expect(found.map(({ seenAt }) => seenAt)).toEqual([0, 1, 2]);
    expect(Object.keys(understood(found))).toHaveLength(objects);
  });

  it("closes what it opened when it is broken off", async () => {
    const root = scratchDirectory();
    fill(root, { "a/s/1.arrow": await valueFile(1), "a/t/1.arrow": await valueFile(1) });
    for (const _ of walkObjects({ root, removals: () => 0, onUnreadable: () => {} })) break;
    expect(openFiles(root)).toEqual([]);
  });
});

describe("the facts of a file", () => {
  it("are none where there is no file, or none that can be read", () => {
    const root = scratchDirectory();
    fs.mkdirSync(`${root}/directory`);
    for (const path of ["nothing", "directory"])
      expect(new FactsReader().read(`${root}/${path}`)).toBeUndefined();
    expect(openFiles(root)).toEqual([]);
  });

  it("are found in a file exactly as large as the buffer", async () => {
    const root = scratchDirectory();
    const bytes = await valueFile(5_000);
    fill(root, { "x/file": bytes });
    for (const bufferBytes of [bytes.length - 1, bytes.length, bytes.length + 1]) {
      const facts = new FactsReader(bufferBytes).read(`${root}/x/file`);
      expect(facts).toMatchObject({ dataBytes: 5_000, fileSizeBytes: bytes.length });
    }
  });
});
