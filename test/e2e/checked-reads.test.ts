/**
 * Bytes that change on disk after a put are never the end of a get that says OK, whoever wrote the file and however it is read.
 */
import { randomBytes } from "node:crypto";
import { closeSync, openSync, readSync, writeSync } from "node:fs";
import { describe, expect, it, onTestFinished } from "vitest";
import type { CacheConfig } from "../../src/config/cache-config.ts";
import { fileWritten } from "../support/file-written.ts";
import {
  commandDescriptor,
  pathDescriptor,
  type ReceivedMessage,
  valuePut,
} from "../support/flight-messages.ts";
import { type InProcessServer, startInProcess } from "../support/in-process-server.ts";
import { numberTable } from "../support/table-batches.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

const MIB = 1024 ** 2;
const KEY = "app/session/object";
const WITHOUT_TIER = { policy: "adaptive", maxMemoryBytes: 0, maxObjects: undefined } as const;
const WITH_TIER = { ...WITHOUT_TIER, maxMemoryBytes: 64 * MIB };

interface Started {
  readonly server: InProcessServer;
  readonly directory: string;
}

async function started(more: Partial<CacheConfig>): Promise<Started> {
  const directory = temporaryDirectory("checked-reads");
  onTestFinished(() => directory.remove());
  const server = await startInProcess(directory.path, more);
  onTestFinished(() => server.stop());
  return { server, directory: directory.path };
}

async function flip(path: string, position: number): Promise<void> {
  await fileWritten(path);
  const file = openSync(path, "r+");
  const byte = Buffer.alloc(1);
  readSync(file, byte, 0, 1, position);
  byte[0]! ^= 1;
  writeSync(file, byte, 0, 1, position);
  closeSync(file);
}

const DAMAGED = expect.objectContaining({ code: "OBJECT_CORRUPT" });
const FILE = `${KEY}.arrow`;

const value = (sizeBytes: number) => (to: Uint8Array) => valuePut(to, randomBytes(sizeBytes));
const table =
  (...batchBytes: readonly number[]) =>
  (to: Uint8Array) =>
    numberTable(to, batchBytes);

/** What is put, where a byte of it changes on disk, and its messages. */
const PUTS = [
  ["a value of 1 KiB", 1_000, value(1024)],
  ["a value of 700 KiB", 500_000, value(700 * 1024)],
  ["a value of 3 MiB", 2 * MIB, value(3 * MIB)],
  ["a table of 300 KiB", 200_000, table(100 * 1024, 200 * 1024)],
  ["a table of 3 MiB", 2 * MIB, table(2 * MIB, MIB)],
  ["a table of a body just over a piece", MIB, table(MIB)],
  ["a table of small batches", MIB, table(...Array<number>(90).fill(16_384))],
] as const;
/** A smaller object stays in the memory tier when it is put. */
const LARGE = PUTS.slice(1);
const OBJECT = pathDescriptor(KEY);

function bodiesOf(answer: readonly ReceivedMessage[]): Buffer {
  return Buffer.concat(answer.map(({ body }) => body));
}

describe.each([
  ["without a memory tier", WITHOUT_TIER, PUTS],
  ["with a memory tier", WITH_TIER, LARGE],
])("a get, %s,", (_, eviction, fromDisk) => {
  it.each(PUTS)("of %s is whole twice", async (_what, _position, messages) => {
    const { server } = await started({ eviction });
    const sent = messages(OBJECT);
    await server.client.put(sent);
    const [first, second] = [await server.client.get(KEY), await server.client.get(KEY)];
    expect(first.length).toBe(sent.length);
    expect(bodiesOf(second).equals(bodiesOf(first))).toBe(true);
    expect((await server.client.get(KEY, 0)).length).toBe(sent.length);
  });

  it.each(fromDisk)("of %s that lost a bit on disk is DATA_LOSS", async (_what, position, messages) => {
    const { server, directory } = await started({ eviction });
    await server.client.put(messages(OBJECT));
    await flip(`${directory}/${FILE}`, position);
    await expect(server.client.get(KEY)).rejects.toEqual(DAMAGED);
    await expect(server.client.get(KEY)).rejects.toEqual(DAMAGED);
  });

  it.each(fromDisk)(
    "of a patch, %s, that lost a bit on disk is DATA_LOSS",
    async (_what, position, messages) => {
      const { server, directory } = await started({ eviction });
      await server.client.put(messages(OBJECT));
      await server.client.put(messages(commandDescriptor(`PATCH:${KEY}`)));
      await flip(`${directory}/app/session/.object.v1/2.arrow`, position);
      await expect(server.client.get(KEY)).rejects.toEqual(DAMAGED);
    },
  );
});

it("a get of a small value that lost a bit on disk before a restart is DATA_LOSS, with a memory tier, too", async () => {
  const { server, directory } = await started({ eviction: WITH_TIER });
  await server.client.put(value(1024)(OBJECT));
  await server.stop();
  await flip(`${directory}/${FILE}`, 1_000);
  const next = await startInProcess(directory, { eviction: WITH_TIER });
  onTestFinished(() => next.stop());
  await expect(next.client.get(KEY)).rejects.toEqual(DAMAGED);
});

describe("a get of what was sent whole before", () => {
  it.each(PUTS)("reads %s anew without a memory tier", async (_what, position, messages) => {
    const { server, directory } = await started({ eviction: WITHOUT_TIER });
    await server.client.put(messages(OBJECT));
    await server.client.get(KEY);
    await flip(`${directory}/${FILE}`, position);
    await expect(server.client.get(KEY)).rejects.toEqual(DAMAGED);
  });

  it.each(PUTS)("compares nothing where %s is in the memory tier", async (_what, position, messages) => {
    const { server, directory } = await started({ eviction: WITH_TIER });
    await server.client.put(messages(OBJECT));
    const first = await server.client.get(KEY);
    await flip(`${directory}/${FILE}`, position);
    expect((await server.client.get(KEY)).length).toBe(first.length);
  });
});

describe("with verify_reads: found", () => {
  it.each(PUTS)("%s is served as it lies there", async (_what, position, messages) => {
    const { server, directory } = await started({ eviction: WITHOUT_TIER, verifyReads: "found" });
    await server.client.put(messages(OBJECT));
    await flip(`${directory}/${FILE}`, position);
    expect((await server.client.get(KEY)).length).toBeGreaterThan(1);
  });
});
