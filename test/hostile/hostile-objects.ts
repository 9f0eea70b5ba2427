/**
 * Objects that take as much work as an object can: very many fields, batches, patches, cells, or very much metadata.
 *
 * Each is put by `put`, and looked at in every way by `use`, which fails when what comes back is not what was put.
 */
import { encodeRecordBatchMessage, encodeSchemaMessage } from "../../src/arrow/message-writer.ts";
import { withSchemaMetadata } from "../../src/arrow/schema-metadata.ts";
import { TYPE_ID } from "../../src/arrow/slots.ts";
import { LIMITS } from "../../src/limits.ts";
import type { FlightTestClient } from "../support/flight-client.ts";
import {
  commandDescriptor,
  flightData,
  opaquePut,
  pathDescriptor,
  putMessages,
  valuePut,
} from "../support/flight-messages.ts";
import { buildSchema, nestedField } from "../unit/arrow/build-schema.ts";

export interface HostileObject {
  readonly title: string;
  readonly put: (client: FlightTestClient) => Promise<void>;
  readonly use: (client: FlightTestClient) => Promise<void>;
}

const FLAME: [string, string] = ["flame.cache.format", "arrow-table-v1"];

function fails(what: string): never {
  throw new Error(what);
}

/** A table without batches, of a schema that is dear. */
function wideTable(title: string, key: string, schema: () => Buffer): HostileObject {
  return {
    title,
    put: async (client) => {
      await client.put(putMessages(pathDescriptor(key), schema(), []));
    },
    use: async (client) => {
      const got = await client.get(key);
      if (!got[0]!.header.equals(schema())) fails("the schema is another one");
      await client.get(key, 0);
      await client.info(key);
      await client.schema(key);
      // The same fields with other metadata: the server has to compare them.
      const other = withSchemaMetadata(schema(), [["other", "yes"]]).header;
      await client.put(putMessages(commandDescriptor(`PATCH:${key}`), other, []));
      await client.get(key, 0);
      await client.action("DELETE", key);
    },
  };
}

function columns(count: number): Buffer {
  return buildSchema(
    Array.from({ length: count }, (_, index) => ({ name: `column_${index}`, typeId: TYPE_ID.utf8 })),
  );
}

/** As many entries as one place takes, with those that the cache adds. */
function manyEntries(): Buffer {
  const metadata = Array.from({ length: LIMITS.metadataEntriesMax - 4 }, (_, index): [string, string] => [
    `key ${index}`,
    "value",
  ]);
  return encodeSchemaMessage({ fields: [], metadata: [FLAME, ...metadata] });
}

const SMALL_SCHEMA = encodeSchemaMessage({ fields: [{ name: "n", type: "uint64", nullable: false }] });
const ONE_ROW = encodeRecordBatchMessage({
  rowCount: 1,
  nodes: [{ length: 1, nullCount: 0 }],
  buffers: [
    { offset: 0, sizeBytes: 0 },
    { offset: 0, sizeBytes: 8 },
  ],
  bodySizeBytes: 8,
});

function manyBatches(count: number, appMetadata: string, key: string): HostileObject {
  const batch = flightData({ header: ONE_ROW, body: Buffer.alloc(8), appMetadata });
  return {
    title: `${count} batches of one row with ${appMetadata.length} bytes of app_metadata each`,
    put: async (client) => {
      const schema = flightData({ descriptor: pathDescriptor(key), header: SMALL_SCHEMA });
      await client.putAll([schema, ...Array<Buffer>(count).fill(batch)]);
    },
    use: async (client) => {
      const got = await client.get(key);
      if (got.length !== count + 1 || got.at(-1)!.appMetadata !== appMetadata) fails("batches are missing");
      await client.info(key);
      await client.put(putMessages(commandDescriptor(`PATCH:${key}`), SMALL_SCHEMA, []));
      await client.action("DELETE", key);
    },
  };
}

/** Each second cell is null, and what it hides keeps the others apart. */
const cellsWithNulls = (count: number): (Buffer | undefined)[] =>
  Array.from({ length: count }, (_, row) => (row % 2 === 0 ? Buffer.from("x") : undefined));

const OPAQUE_CELLS: HostileObject = {
  title: "as many cells with nulls between them as a batch takes",
  put: async (client) => {
    const cells = cellsWithNulls(Math.floor(LIMITS.opaqueOffsetsBytesMax / 4.2));
    const batches = Array(20).fill({ cells, hidden: Buffer.from("hidden") });
    await client.put(opaquePut(pathDescriptor("app/cells/object"), ...batches));
  },
  use: async (client) => {
    await client.get("app/cells/object");
  },
};

const PATCHES = 1500;
const READERS = 20;

const MANY_PATCHES: HostileObject = {
  title: `${PATCHES} patches, and ${READERS} gets of them at once`,
  put: async (client) => {
    await client.put(valuePut(pathDescriptor("app/patches/object"), "base"));
    const patch = valuePut(commandDescriptor("PATCH:app/patches/object"), "patch");
    for (let count = 0; count < PATCHES; count += 50) {
      await Promise.all(Array.from({ length: 50 }, () => client.put(patch)));
    }
  },
  use: async (client) => {
    const gets = Array.from({ length: READERS }, (_, index) => client.get("app/patches/object", index));
    for (const got of await Promise.all(gets))
      if (got.length < PATCHES - READERS) fails("patches are missing");
    await client.action("DELETE", "app/patches/object");
  },
};

const OBJECTS = 8_000;

const MANY_OBJECTS: HostileObject = {
  title: `${OBJECTS} objects in one session, pinned, listed, and deleted at once`,
  put: async (client) => {
    for (let count = 0; count < OBJECTS; count += 100) {
      const names = Array.from({ length: 100 }, (_, index) => `app/many/${count + index}`);
      await Promise.all(names.map((name) => client.put(valuePut(pathDescriptor(name), ""))));
    }
  },
  use: async (client) => {
    await client.action("PIN", "app/many");
    await client.action("EXPIRE", JSON.stringify({ key: "app/many", ttl_seconds: 3600 }));
    if ((await client.list("app/many")).length !== OBJECTS) fails("objects are missing");
    await client.action("DELETE", "app/many");
    if ((await client.list("app/many")).length !== 0) fails("objects are left");
  },
};

export const HOSTILE_OBJECTS: readonly HostileObject[] = [
  wideTable("20,000 columns", "app/wide/plain", () => columns(20_000)),
  wideTable("as many columns as there may be", "app/wide/widest", () => columns(LIMITS.schemaFieldsMax)),
  wideTable(
    "as many columns as there may be of a table of ours",
    "app/wide/ours",
    () => withSchemaMetadata(columns(LIMITS.schemaFieldsMax), [FLAME]).header,
  ),
  wideTable("as deep columns as there may be", "app/wide/deep", () =>
    buildSchema(Array.from({ length: 1500 }, () => nestedField(LIMITS.schemaDepthMax))),
  ),
  wideTable("as much metadata as one place takes", "app/wide/metadata", manyEntries),
  wideTable("a schema of 16 MiB", "app/wide/large", () =>
    encodeSchemaMessage({ fields: [], metadata: [FLAME, ["text", "é".repeat(8 * 2 ** 20 - 1000)]] }),
  ),
  manyBatches(200_000, "", "app/batches/plain"),
  manyBatches(100_000, "x".repeat(80), "app/batches/metadata"),
  OPAQUE_CELLS,
  MANY_PATCHES,
  MANY_OBJECTS,
];
