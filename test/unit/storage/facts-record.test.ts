/**
 * What a scan keeps for the next one: used while a session's directory is as it was, and never a reason for a wrong answer.
 */
import fs from "node:fs";
import { describe, expect, it } from "vitest";
import { LIMITS } from "../../../src/limits.ts";
import { directoryState } from "../../../src/storage/disk/facts-record.ts";
import { factsIn, OBJECTS, scan, spoil, valueFile } from "./recorded-files.ts";
import { openFiles, scratchDirectory } from "./scratch-directory.ts";

const RECORD = ".facts/app/session";
const SESSION = "app/session";

/** Replaces a file as the engine does. */
function publish(root: string, path: string, bytes: Uint8Array): void {
  fs.mkdirSync(`${root}/${path.slice(0, path.lastIndexOf("/"))}`, { recursive: true });
  fs.writeFileSync(`${root}/aside`, bytes);
  fs.renameSync(`${root}/aside`, `${root}/${path}`);
}

async function filled(objects = OBJECTS): Promise<string> {
  const root = scratchDirectory();
  for (let object = 0; object < objects; object += 1) {
    publish(root, `${SESSION}/é${object}.arrow`, await valueFile(`value ${object}`, 1 + object));
  }
  return root;
}

describe("what a scan learned", () => {
  it("is used by the next one, which opens no file of a session that did not change", async () => {
    const root = await filled();
    const first = factsIn(scan(root));
    expect(first.size).toBe(OBJECTS);
    expect([...first.values()]).not.toContain(undefined);
    for (const objectId of first.keys()) spoil(root, SESSION, objectId);
    expect(factsIn(scan(root))).toEqual(first);
    expect(openFiles(root)).toEqual([]);
  });

  it("holds for many batches of a large session", async () => {
    const root = await filled(2 * LIMITS.scanBatchObjects + 5);
    const first = factsIn(scan(root));
    for (const objectId of first.keys()) spoil(root, SESSION, objectId);
    expect(factsIn(scan(root))).toEqual(first);
  });

  it.each([
    [
      "replaced",
      async (root: string) => publish(root, `${SESSION}/é3.arrow`, await valueFile("a new value", 77)),
    ],
    ["added", async (root: string) => publish(root, `${SESSION}/new.arrow`, await valueFile("new"))],
    ["removed", async (root: string) => fs.rmSync(`${root}/${SESSION}/é3.arrow`)],
    [
      "patched",
      async (root: string) => publish(root, `${SESSION}/.é3.v4/5.arrow`, await valueFile("patch", 5)),
    ],
  ])("is not used when an object was %s", async (_, change) => {
    const root = await filled();
    scan(root);
    await change(root);
    const found = factsIn(scan(root));
    fs.rmSync(`${root}/.facts`, { recursive: true });
    expect(found).toEqual(factsIn(scan(root)));
    spoil(root, SESSION, "é0");
    expect(factsIn(scan(root)).get("é0")).toBeDefined();
  });

  it("is not kept of a session that changed a moment ago, or has few objects", async () => {
    const root = await filled();
    scan(root, { nowMs: Date.now });
    expect(fs.existsSync(`${root}/${RECORD}`)).toBe(false);
    const few = await filled(LIMITS.recordedObjectsMin - 1);
    scan(few);
    expect(fs.existsSync(`${few}/${RECORD}`)).toBe(false);
  });

  it("is passed over where it is damaged: at any byte, or cut at any length", async () => {
    const root = await filled();
    const truth = factsIn(scan(root));
    const record = fs.readFileSync(`${root}/${RECORD}`);
    const state = fs.statSync(`${root}/${SESSION}`, { bigint: true }).ctimeNs;
    for (let place = 0; place < record.length; place += 5) {
      const damaged = Buffer.from(record);
      damaged[place]! ^= 1 << (place % 8);
      fs.writeFileSync(`${root}/${RECORD}`, damaged);
      expect(factsIn(scan(root))).toEqual(truth);
    }
    for (let length = 0; length < record.length; length += 37) {
      fs.writeFileSync(`${root}/${RECORD}`, record.subarray(0, length));
      expect(factsIn(scan(root))).toEqual(truth);
    }
    expect(fs.statSync(`${root}/${SESSION}`, { bigint: true }).ctimeNs).toBe(state);
  });

  it("is told with the count of removals from before it was compared with the directory", async () => {
    const root = await filled(LIMITS.scanBatchObjects + 5);
    scan(root);
    let count = 0;
    expect(scan(root, { removals: () => count++ }).map(({ seenAt }) => seenAt)).toEqual([0, 0]);
  });

  it("goes with its session, and so does what a scan left behind that was ended midway", async () => {
    const root = await filled();
    scan(root);
    expect(fs.existsSync(`${root}/${RECORD}`)).toBe(true);
    fs.writeFileSync(`${root}/.facts/app/.session`, "half");
    scan(root);
    expect(fs.readdirSync(`${root}/.facts/app`)).toEqual(["session"]);
    fs.rmSync(`${root}/app`, { recursive: true });
    scan(root);
    expect(fs.readdirSync(`${root}/.facts`)).toEqual([]);
  });

  it("costs nothing but time where it cannot be written", async () => {
    const root = await filled();
    fs.writeFileSync(`${root}/.facts`, "a file in its place");
    expect(factsIn(scan(root)).size).toBe(OBJECTS);
    expect(factsIn(scan(root)).size).toBe(OBJECTS);
  });
  it("is none of a directory that cannot be looked at", () => {
    expect(directoryState(`${scratchDirectory()}/${"long".repeat(100)}`)).toBeUndefined();
  });
});
