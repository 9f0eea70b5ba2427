/**
 * The event journal's files: torn ends, full disks, foreign names, and how many bytes they take.
 */
import fs from "node:fs";
import { describe, expect, it } from "vitest";
import { LIMITS } from "../../../src/limits.ts";
import { DiskEventStore } from "../../../src/storage/disk/events/disk-event-store.ts";
import { scratchDirectory } from "./scratch-directory.ts";

const BYTES_MAX = LIMITS.eventJournalBytesMin;

interface Options {
  readonly directory?: string;
  readonly beforeWrite?: () => void;
}

async function opened({ directory = scratchDirectory(), ...more }: Options = {}): Promise<DiskEventStore> {
  const store = new DiskEventStore({ directory, bytesMax: BYTES_MAX, head: () => "head\n", ...more });
  await store.open();
  return store;
}

async function textOf(store: DiskEventStore): Promise<string> {
  let text = "";
  for await (const part of store.parts()) text = part.toString() + text;
  return text;
}

function filesIn(directory: string): string[] {
  return fs.readdirSync(`${directory}/.journal`).sort();
}

function bytesIn(directory: string): number {
  const sizes = filesIn(directory).map((name) => fs.statSync(`${directory}/.journal/${name}`).size);
  return sizes.reduce((sum, size) => sum + size, 0);
}

const FIRST = "0000000000000001.jsonl";

describe("the files of the event journal", () => {
  it("are made with the first line, readable by their owner alone", async () => {
    const directory = scratchDirectory();
    const store = await opened({ directory });
    expect(fs.existsSync(`${directory}/.journal`)).toBe(false);
    await store.append(Buffer.from("one\n"));
    await store.close();
    expect(filesIn(directory)).toEqual([FIRST]);
    expect(fs.statSync(`${directory}/.journal/${FIRST}`).mode & 0o777).toBe(0o600);
    expect(fs.readFileSync(`${directory}/.journal/${FIRST}`, "utf8")).toBe("head\none\n");
  });

  it.each([
    ["half a line", "two, which was torn"],
    ["zeros of a power loss", "\0".repeat(4096)],
    ["nothing", ""],
  ])("lose %s at their end at the next start, and no whole line", async (_what, tail) => {
    const directory = scratchDirectory();
    const store = await opened({ directory });
    await store.append(Buffer.from("one\n"));
    await store.close();
    fs.appendFileSync(`${directory}/.journal/${FIRST}`, tail);
    const again = await opened({ directory });
    expect(fs.readFileSync(`${directory}/.journal/${FIRST}`, "utf8")).toBe("head\none\n");
    await again.append(Buffer.from("three\n"));
    await again.close();
    expect(await textOf(await opened({ directory }))).toBe("head\none\nthree\n");
  });

  it("never take more bytes than their bound, at any moment", async () => {
    const directory = scratchDirectory();
    const store = await opened({ directory });
    const batch = Buffer.from(`${"x".repeat(1023)}\n`.repeat(200));
    let mostBytes = 0;
    for (let count = 0; count < 60; count += 1) {
      await store.append(batch);
      mostBytes = Math.max(mostBytes, bytesIn(directory));
    }
    await store.close();
    expect(mostBytes).toBeLessThanOrEqual(BYTES_MAX);
    expect(mostBytes).toBeGreaterThan(BYTES_MAX / 2);
  });

  it("are dropped at the start until they fit a smaller bound", async () => {
    const directory = scratchDirectory();
    fs.mkdirSync(`${directory}/.journal`);
    for (const number of ["1", "2", "3"]) {
      const path = `${directory}/.journal/${number.padStart(16, "0")}.jsonl`;
      fs.writeFileSync(path, `${number.repeat(BYTES_MAX / 2 - 1)}\n`);
    }
    const store = await opened({ directory });
    expect(filesIn(directory)).toEqual(["0000000000000002.jsonl", "0000000000000003.jsonl"]);
    await store.close();
  });

  it("hold no part of a write that failed, and take the next one", async () => {
    const directory = scratchDirectory();
    let isFull = false;
    const beforeWrite = () => {
      if (isFull) throw Object.assign(new Error("full"), { code: "ENOSPC", syscall: "write" });
    };
    const store = await opened({ directory, beforeWrite });
    await store.append(Buffer.from("one\n"));
    isFull = true;
    await expect(store.append(Buffer.from("two\n"))).rejects.toMatchObject({ code: "STORAGE_FULL" });
    isFull = false;
    await store.append(Buffer.from("three\n"));
    await store.close();
    expect(await textOf(store)).toBe("head\none\nthree\n");
  });

  it("leave files of other names and links alone", async () => {
    const directory = scratchDirectory();
    fs.mkdirSync(`${directory}/.journal`);
    fs.writeFileSync(`${directory}/.journal/notes.txt`, "mine");
    fs.writeFileSync(`${directory}/elsewhere`, "secret\n");
    fs.symlinkSync(`${directory}/elsewhere`, `${directory}/.journal/${FIRST}`);
    const store = await opened({ directory });
    expect(await textOf(store)).toBe("");
    await expect(store.append(Buffer.from("one\n"))).rejects.toMatchObject({ code: "STORAGE_IO" });
    expect(fs.readFileSync(`${directory}/elsewhere`, "utf8")).toBe("secret\n");
    expect(fs.readFileSync(`${directory}/.journal/notes.txt`, "utf8")).toBe("mine");
  });
});
