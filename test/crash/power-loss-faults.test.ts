/**
 * Whether the power-loss tests see anything: engines that forget a sync, or believe a torn record,
 * do not pass.
 *
 * A forgotten sync is one that the recorded disk does not hear of (power-loss/recorded-disk.ts). The
 * programs are those that need it.
 */
import { crc32 } from "node:zlib";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import type * as LogRecords from "../../src/storage/disk/log/log-record.ts";
import type { Durability } from "../../src/storage/object-storage.ts";
import { Random } from "../support/random.ts";
import { scratchDirectory, watchedLog } from "../unit/storage/scratch-directory.ts";
import type { Action } from "./power-loss/clients.ts";
import type { Choose } from "./power-loss/disk-model.ts";
import {
  type Forgets,
  KEYS,
  type Life,
  type Program,
  SMALL_LOG,
  surviveAt,
  work,
} from "./power-loss/machine.ts";
import { adversaries, type Wrong, wrongs } from "./power-loss/verdict.ts";

/** Size of a record's head. */
const HEAD_BYTES = 32;
const reading = vi.hoisted(() => ({ ignoresChecksums: false }));

vi.mock("../../src/storage/disk/log/log-record.ts", async (importOriginal) => {
  const original = await importOriginal<typeof LogRecords>();
  type Decode = typeof original.decodeRecords;
  const decodeRecords: Decode = (bytes, from, segment) =>
    original.decodeRecords(reading.ignoresChecksums ? summed(bytes, from, segment) : bytes, from, segment);
  return { ...original, decodeRecords };

  /** Every record whose head is there gets the checksum that it should have. */
  function summed(bytes: Buffer, from: number, segment: LogRecords.SegmentName): Buffer {
    const copy = Buffer.from(bytes);
    for (let at = copy.indexOf("FCLR", from); at >= 0; at = copy.indexOf("FCLR", at + 4)) {
      if (original.decodeRecord(copy, at, segment) !== undefined || at + HEAD_BYTES > copy.length) continue;
      const end = at + HEAD_BYTES + copy.readUInt16LE(at + 28) + copy.readUInt32LE(at + 24);
      if (end <= copy.length) copy.writeUInt32LE(crc32(copy.subarray(at + 8, end)), at + 4);
    }
    return copy;
  }
});

const KEPT = { segmentBytes: 256 * 1024, syncedAtStopMax: 0 };
const AT_REST = { ...KEPT, restDelayMs: 0 };
const IN_LOG = { ...KEPT, restDelayMs: 600_000 };

/** All clients do the same. */
function everybody(kinds: readonly Action["kind"][], durability: Durability): Program {
  return KEYS.map(() => kinds.map((kind) => ({ kind, durability })));
}

function life(program: Program, log: Life["log"]): Life {
  return { program, log, end: "stopped" };
}

/**
 * Cuts the power at the end, before each sync of the log, and then at all moments, until something
 * does not hold.
 */
async function firstWrongs(lives: readonly Life[], forgets?: Forgets): Promise<Wrong[]> {
  watchedLog();
  const random = new Random(1);
  const recorded = await work(scratchDirectory(), 1, { lives, ...(forgets && { forgets }) });
  const moments = Array.from({ length: recorded.end }, (_, before) => recorded.end - before);
  for (const cut of [recorded.end, ...recorded.disk.logSyncs, ...moments]) {
    for (const choose of [...adversaries(random), halves]) {
      const found = wrongs(recorded, cut, await surviveAt(recorded, cut, { boot: 2, choose }));
      if (found.length > 0) return found;
    }
  }
  return [];
}

/** Each write that was not synced has its first half. */
const halves: Choose = (count) => (count === 4 ? 1 : count === 5 ? 0 : count - 1);

const PUTS = everybody(["put", "put", "put"], "power-loss");
const MANY_PUTS = everybody(
  Array.from({ length: 14 }, () => "put"),
  "power-loss",
);

describe("an engine that", () => {
  it.each([
    {
      fault: "does not sync the log",
      lives: [life(PUTS, IN_LOG)],
      forgets: (kind) => kind === "log",
    },
    {
      fault: "releases a segment before the bytes of its files are synced",
      lives: [life(MANY_PUTS, SMALL_LOG)],
      forgets: (kind) => kind === "published",
    },
    {
      fault: "releases a segment before the names of its files are synced",
      lives: [life(MANY_PUTS, SMALL_LOG)],
      forgets: (kind) => kind === "directory",
    },
    {
      fault: "unlinks what is removed before the log is synced",
      lives: [life(PUTS, SMALL_LOG), life(everybody(["delete"], "restart"), AT_REST)],
      forgets: (kind, nth) => kind === "log" && nth === 1,
    },
    {
      fault: "does not sync a large file before its name",
      lives: [life(everybody(["large", "large"], "power-loss"), IN_LOG)],
      forgets: (kind) => kind === "staged",
    },
  ] satisfies { fault: string; lives: Life[]; forgets: Forgets }[])(
    "$fault is found out",
    async ({ lives, forgets }) => {
      expect(await firstWrongs(lives, forgets)).not.toEqual([]);
    },
    300_000,
  );

  it("believes a record with a wrong checksum is found out", async () => {
    onTestFinished(() => {
      reading.ignoresChecksums = false;
    });
    reading.ignoresChecksums = true;
    expect(await firstWrongs([life(PUTS, IN_LOG)])).not.toEqual([]);
  }, 300_000);
});
