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
import { at, ownDirectory } from "../cache/cache-fixture.ts";

const STEPS: readonly DiskStep[] = [
  "createStaged",
  "writeStaged",
  "closeStaged",
  "makeDirectory",
  "renameIntoPlace",
];
const MIB = 1024 ** 2;

const PUTS: readonly (readonly [string, readonly Buffer[]])[] = [
  ["a small value", valuePut(pathDescriptor("a/s/o"), "value")],
  ["a large value", valuePut(pathDescriptor("a/s/o"), Buffer.alloc(5 * MIB))],
  ["a small table", numberTable(pathDescriptor("a/s/o"), [8])],
  ["a table of many megabytes", numberTable(pathDescriptor("a/s/o"), [3 * MIB, 8, 3 * MIB])],
];

const CASES = STEPS.flatMap((step) => PUTS.map(([what, messages]) => [what, step, messages] as const));

/** A service whose disk refuses one step while it is told to. */
async function serviceOn(directory: string, step: DiskStep) {
  const disk = { isFull: false };
  const refuse = (): void => {
    if (disk.isFull) throw Object.assign(new Error("no space"), { code: "ENOSPC", syscall: "write" });
  };
  const service = new DirectService(new DiskStorage({ directory, beforeStep: at(step, refuse) }));
  await service.cache.start();
  onTestFinished(() => service.cache.stop());
  disk.isFull = true;
  return { service, disk };
}

describe("a put onto a disk that fails", () => {
  it.each(CASES)(
    "of %s is STORAGE_FULL at the step %s, leaves nothing, and may be sent again",
    async (_, step, put) => {
      const unhandled: unknown[] = [];
      const onUnhandled = (error: unknown): void => void unhandled.push(error);
      process.on("unhandledRejection", onUnhandled);
      onTestFinished(() => void process.off("unhandledRejection", onUnhandled));
      const directory = ownDirectory();
      const { service, disk } = await serviceOn(directory, step);
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

  it("that replaces an object leaves the old one as it was", async () => {
    const { service, disk } = await serviceOn(ownDirectory(), "renameIntoPlace");
    disk.isFull = false;
    await service.call(FLIGHT_METHODS.DoPut.path, valuePut(pathDescriptor("a/s/o"), "old"));
    disk.isFull = true;
    const replace = service.call(FLIGHT_METHODS.DoPut.path, valuePut(pathDescriptor("a/s/o"), "new"));
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
