/**
 * Puts onto a disk that fails: a typed error whatever step it is and however large the put, and nothing is left.
 */
import { readdirSync } from "node:fs";
import { describe, expect, it, onTestFinished } from "vitest";
import { decodePutResult, encodeTicket } from "../../../src/flight/messages.ts";
import { FLIGHT_METHODS } from "../../../src/flight/methods.ts";
import { decodeObjectRef } from "../../../src/object/object-ref.ts";
import type { DiskStep } from "../../../src/storage/disk/disk-steps.ts";
import { DiskStorage } from "../../../src/storage/disk/disk-storage.ts";
import { DirectService } from "../../support/direct-service.ts";
import { opaqueRows, pathDescriptor, receiveFlightData, valuePut } from "../../support/flight-messages.ts";
import { numberTable } from "../../support/table-batches.ts";
import { ownDirectory } from "../cache/cache-fixture.ts";

const STEPS: readonly DiskStep[] = [
  "createStaged",
  "writeStaged",
  "closeStaged",
  "makeDirectory",
  "renameIntoPlace",
];
const MIB = 1024 ** 2;

type Put = readonly [string, readonly Buffer[]];

const SMALL: readonly Put[] = [
  ["a small value", valuePut(pathDescriptor("a/s/o"), "value")],
  ["a small table", numberTable(pathDescriptor("a/s/o"), [8])],
];

const LARGE: readonly Put[] = [
  ["a large value", valuePut(pathDescriptor("a/s/o"), Buffer.alloc(5 * MIB))],
  ["a table of many megabytes", numberTable(pathDescriptor("a/s/o"), [3 * MIB, 8, 3 * MIB])],
];

interface Case {
  readonly what: string;
  readonly step: DiskStep;
  readonly put: readonly Buffer[];
  /** A small put writes its own file if there is no log. */
  readonly hasLog: boolean;
}

const CASES: readonly Case[] = [
  ...STEPS.flatMap((step) => LARGE.map(([what, put]) => ({ what, step, put, hasLog: true }))),
  ...STEPS.flatMap((step) => SMALL.map(([what, put]) => ({ what, step, put, hasLog: false }))),
  ...SMALL.map(([what, put]) => ({ what, step: "appendLog" as const, put, hasLog: true })),
];

/** A service whose disk refuses one step while it is told to. */
async function serviceOn(directory: string, step: DiskStep, hasLog = true) {
  const disk = { isFull: false };
  const beforeStep = (each: DiskStep): void => {
    if ((disk.isFull && each === step) || (!hasLog && each === "createSegment")) throw noSpace();
  };
  const service = new DirectService(new DiskStorage({ directory, beforeStep }));
  await service.cache.start();
  onTestFinished(() => service.cache.stop());
  disk.isFull = true;
  return { service, disk };
}

function noSpace(): Error {
  return Object.assign(new Error("no space"), { code: "ENOSPC", syscall: "write" });
}

describe("a put onto a disk that fails", () => {
  it.each(CASES)(
    "of $what is STORAGE_FULL at the step $step (log: $hasLog), leaves nothing, and may be sent again",
    async ({ step, put, hasLog }) => {
      const unhandled: unknown[] = [];
      const onUnhandled = (error: unknown): void => void unhandled.push(error);
      process.on("unhandledRejection", onUnhandled);
      onTestFinished(() => void process.off("unhandledRejection", onUnhandled));
      const directory = ownDirectory();
      const { service, disk } = await serviceOn(directory, step, hasLog);
      const send = () => service.call(FLIGHT_METHODS.DoPut.path, put, { chunkBytes: 64 * 1024 });
      await expect(send()).rejects.toThrow(expect.objectContaining({ code: "STORAGE_FULL" }));
      expect(readdirSync(`${directory}/.staging`)).toEqual([]);
      disk.isFull = false;
      const [answer] = await send();
      expect(decodeObjectRef(decodePutResult(answer!)).version).toBe(1);
      await new Promise((resolve) => setImmediate(resolve));
      expect(unhandled).toEqual([]);
    },
  );

  it.each([
    ["appendLog", "new"],
    ["renameIntoPlace", Buffer.alloc(MIB)],
  ] as const)("that replaces an object leaves the old one as it was: %s", async (step, content) => {
    const { service, disk } = await serviceOn(ownDirectory(), step);
    disk.isFull = false;
    await service.call(FLIGHT_METHODS.DoPut.path, valuePut(pathDescriptor("a/s/o"), "old"));
    disk.isFull = true;
    const replace = service.call(FLIGHT_METHODS.DoPut.path, valuePut(pathDescriptor("a/s/o"), content));
    await expect(replace).rejects.toThrow(expect.objectContaining({ code: "STORAGE_FULL" }));
    const answers = await service.call(FLIGHT_METHODS.DoGet.path, [encodeTicket(Buffer.from("a/s/o"))]);
    expect(opaqueRows(answers.map(receiveFlightData))).toEqual([{ version: 1, data: "old" }]);
  });

  it("is told so while it is still being sent", async () => {
    const { service } = await serviceOn(ownDirectory(), "writeStaged");
    const messages = numberTable(pathDescriptor("a/s/o"), Array<number>(30).fill(MIB));
    await expect(service.call(FLIGHT_METHODS.DoPut.path, messages)).rejects.toThrow(
      expect.objectContaining({ code: "STORAGE_FULL" }),
    );
  });
});
