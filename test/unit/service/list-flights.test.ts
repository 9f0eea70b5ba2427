/**
 * Lists with the schema of each table: of those that were put or read, and of those that an earlier process left.
 */
import { writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { encodeSchemaMessage } from "../../../src/arrow/message-writer.ts";
import { decodeSchema } from "../../../src/arrow/schema.ts";
import { decodeFlightInfo, decodeSchemaResult, encodeCriteria } from "../../../src/flight/messages.ts";
import { FLIGHT_METHODS } from "../../../src/flight/methods.ts";
import { LIMITS } from "../../../src/limits.ts";
import { DiskStorage } from "../../../src/storage/disk/disk-storage.ts";
import { MemoryStorage } from "../../../src/storage/memory-storage.ts";
import type { ObjectStorage } from "../../../src/storage/object-storage.ts";
import { DirectService } from "../../support/direct-service.ts";
import {
  commandDescriptor,
  flightData,
  pathDescriptor,
  putMessages,
  valuePut,
} from "../../support/flight-messages.ts";
import { goldenStream, splitStream } from "../arrow/golden.ts";
import { ownDirectory } from "../cache/cache-fixture.ts";
import { asFlameTable, goldenTable } from "../object/sample-objects.ts";

const { DoPut, GetSchema, ListFlights, DoGet } = FLIGHT_METHODS;
const [SCHEMA, ...BATCHES] = splitStream(goldenStream("nested"));

async function serviceOn(storage: ObjectStorage): Promise<DirectService> {
  const service = new DirectService(storage);
  await service.start();
  onTestFinished(() => service.stop());
  return service;
}

function tablePut(key: string): Buffer[] {
  return putMessages(pathDescriptor(key), SCHEMA!.header, BATCHES);
}

/** A schema message of as many columns, and no two alike. */
function wideSchema(columns: number, name: string): Buffer {
  const fields = Array.from({ length: columns }, (_, index) => {
    return { name: `${name} ${index}`, type: "uint64", nullable: true } as const;
  });
  return encodeSchemaMessage({ fields });
}

/** Schemas by key, encapsulated as they came. */
async function listed(service: DirectService, criteria = ""): Promise<Map<string, Buffer>> {
  const infos = await service.call(ListFlights.path, [encodeCriteria(criteria)]);
  return new Map(
    infos
      .map(decodeFlightInfo)
      .map(({ descriptor, schema }) => [
        descriptor?.kind === "path" ? descriptor.path.join("/") : "",
        Buffer.from(schema),
      ]),
  );
}

async function schemaOf(service: DirectService, key: string): Promise<Buffer> {
  const [answer] = await service.call(GetSchema.path, [pathDescriptor(key)]);
  return decodeSchemaResult(answer!);
}

/** Puts one object of each kind. */
async function putAll(service: DirectService): Promise<readonly string[]> {
  const flame = asFlameTable(goldenTable("numbers"));
  await service.call(DoPut.path, valuePut(pathDescriptor("a/s/value"), "value"));
  await service.call(DoPut.path, tablePut("a/s/table"));
  await service.call(DoPut.path, tablePut("a/s/patched"));
  await service.call(
    DoPut.path,
    putMessages(commandDescriptor("PATCH:a/s/patched"), SCHEMA!.header, BATCHES),
  );
  await service.call(DoPut.path, putMessages(pathDescriptor("a/s/flame"), flame.schemaHeader, flame.batches));
  await service.call(DoPut.path, [
    flightData({ descriptor: pathDescriptor("a/s/wide"), header: wideSchema(3000, "wide") }),
  ]);
  return ["a/s/value", "a/s/table", "a/s/patched", "a/s/flame", "a/s/wide"];
}

async function expectSchemas(service: DirectService, keys: readonly string[]): Promise<void> {
  const schemas = await listed(service);
  expect([...schemas.keys()].sort()).toEqual([...keys].sort());
  for (const key of keys) expect(schemas.get(key)?.equals(await schemaOf(service, key))).toBe(true);
}

describe("a list", () => {
  it.each([
    ["memory", () => new MemoryStorage()],
    ["files", () => new DiskStorage({ directory: ownDirectory() })],
  ])("has the schema that GetSchema has, of objects in %s", async (_, storage) => {
    const service = await serviceOn(storage());
    await expectSchemas(service, await putAll(service));
  });

  it("has it after a restart, and opens no file that it has read before", async () => {
    const directory = ownDirectory();
    const before = await serviceOn(new DiskStorage({ directory }));
    const keys = await putAll(before);
    await before.stop();
    const storage = new DiskStorage({ directory });
    const service = await serviceOn(storage);
    await vi.waitFor(() => expect(service.cache.counts.objects).toBe(keys.length));
    const open = vi.spyOn(storage, "open");
    await listed(service);
    expect(open.mock.calls.map(([{ key }]) => key.objectId).sort()).toEqual([
      "flame",
      "patched",
      "table",
      // Too large to be kept: read when its turn comes, each time.
      ...["wide", "wide"],
    ]);
    open.mockClear();
    await listed(service);
    expect(open.mock.calls.map(([{ key }]) => key.objectId)).toEqual(["wide"]);
    await expectSchemas(service, keys);
  });

  it("opens no file of tables that were put or read", async () => {
    const storage = new DiskStorage({ directory: ownDirectory() });
    const service = await serviceOn(storage);
    await service.call(DoPut.path, tablePut("a/s/table"));
    const open = vi.spyOn(storage, "open");
    expect(decodeSchema((await listed(service)).get("a/s/table")!.subarray(8)).fields.length).toBeGreaterThan(
      0,
    );
    expect(open).not.toHaveBeenCalled();
  });

  it("opens few files at once, however many tables there are and lists of them", async () => {
    const directory = ownDirectory();
    const before = await serviceOn(new DiskStorage({ directory }));
    for (let i = 0; i < 300; i++) await before.call(DoPut.path, tablePut(`a/s/${i}`));
    await before.stop();
    const storage = new DiskStorage({ directory });
    const service = await serviceOn(storage);
    const opened = storage.open.bind(storage);
    let openNow = 0;
    let openMost = 0;
    vi.spyOn(storage, "open").mockImplementation(async (name) => {
      openMost = Math.max(openMost, ++openNow);
      const file = (await opened(name))!;
      const close = file.close.bind(file);
      file.close = (isDone) => {
        openNow -= 1;
        close(isDone);
      };
      return file;
    });
    const lists = await Promise.all([listed(service), listed(service), listed(service)]);
    expect(lists.map((list) => list.size)).toEqual([300, 300, 300]);
    expect(openMost).toBeLessThanOrEqual(LIMITS.scanConcurrency);
    expect(openNow).toBe(0);
  });

  it("of tables with more and larger schemas than are kept has each its own", async () => {
    const service = await serviceOn(new MemoryStorage());
    const tables = Math.ceil(LIMITS.pooledSchemasBytesMax / 50_000) + 50;
    const columns = 500;
    for (let i = 0; i < tables; i++) {
      const descriptor = pathDescriptor(`a/s/${i}`);
      await service.call(DoPut.path, [flightData({ descriptor, header: wideSchema(columns, `t${i}`) })]);
    }
    const schemas = await listed(service);
    expect(schemas.size).toBe(tables);
    for (const [key, schema] of schemas) {
      expect(decodeSchema(schema.subarray(8)).fields[1]?.name).toBe(`t${key.slice("a/s/".length)} 1`);
    }
  });

  it("leaves out a table that turns out to be damaged", async () => {
    const directory = ownDirectory();
    const before = await serviceOn(new DiskStorage({ directory }));
    await before.call(DoPut.path, tablePut("a/s/damaged"));
    await before.call(DoPut.path, tablePut("a/s/whole"));
    await before.stop();
    const service = await serviceOn(new DiskStorage({ directory }));
    await listed(service, "a/other");
    await vi.waitFor(() => expect(service.cache.counts.objects).toBe(2));
    writeFileSync(path.join(directory, "a/s/damaged.arrow"), "ARROW1\0\0damagedARROW1");
    expect([...(await listed(service)).keys()]).toEqual(["a/s/whole"]);
    await expect(service.call(DoGet.path, [pathDescriptor("a/s/damaged")])).rejects.toThrow();
  });
});
