import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { decodeObjectRef } from "../../../src/object/object-ref.ts";
import { OPAQUE_SCHEMA_HEADER } from "../../../src/object/object-schema.ts";
import { encodeWireRow } from "../../../src/object/opaque-row.ts";
import { commandDescriptor, pathDescriptor, putMessages, valuePut } from "../../support/flight-messages.ts";
import { type InProcessServer, startInProcess } from "../../support/in-process-server.ts";
import { goldenStream, splitStream } from "../arrow/golden.ts";
import { type RunOptions, runCommand } from "./verb-fixture.ts";

let server: InProcessServer;
beforeAll(async () => {
  server = await startInProcess();
});
afterAll(async () => {
  await server.stop();
});

const run = (args: readonly string[], options: RunOptions = {}) =>
  runCommand(args, { ...options, env: { FLAME_CACHE_ENDPOINT: server.endpoint, ...options.env } });

async function putValue(key: string, value: string | Uint8Array): Promise<void> {
  await server.client.put(valuePut(pathDescriptor(key), value));
}

async function putTable(key: string, name: string): Promise<void> {
  const [schema, ...batches] = splitStream(goldenStream(name));
  await server.client.put(putMessages(pathDescriptor(key), schema!.header, batches));
}

describe("ls", () => {
  beforeAll(async () => {
    await putValue("ls/one/a", "0123456789");
    await putValue("ls/one/b", Buffer.alloc(5000));
    await putTable("ls/two/t", "numbers");
  });

  it("has a line per object, sizes in bytes, and no titles where it is no terminal", async () => {
    const { out } = await run(["ls", "ls"]);
    expect(out.split("\n").sort()).toEqual([
      "",
      "ls/one/a  opaque  1  1    10  file",
      "ls/one/b  opaque  1  1  5000  file",
      expect.stringMatching(/^ls\/two\/t {2}table {3}1 {2}3 {3}\d{3} {2}table$/),
    ]);
  });

  it("has titles and sizes for people on a terminal, or exact ones", async () => {
    const { out } = await run(["ls", "ls/one"], { isTerminal: true });
    expect(out.split("\n")[0]).toBe("KEY       KIND    VERSION  ROWS      SIZE  TYPE");
    expect(out).toContain("ls/one/b  opaque        1     1  4.88 KiB  file\n");
    expect((await run(["ls", "ls/one", "--bytes"], { isTerminal: true })).out).toContain("1  5000  file\n");
  });

  it("gives keys alone, and JSON lines", async () => {
    expect((await run(["ls", "ls/*", "--keys"])).out.split("\n").sort()).toEqual([
      "",
      "ls/one/a",
      "ls/one/b",
      "ls/two/t",
    ]);
    const lines = (await run(["ls", "ls/one/a", "--json"])).out.trimEnd().split("\n");
    expect(lines.map((line) => JSON.parse(line))).toEqual([
      {
        endpoint: server.endpoint,
        key: "ls/one/a",
        version: 1,
        kind: "opaque",
        rows: 1,
        size: 10,
        type: "file",
        modified: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
      },
    ]);
  });

  it("is empty where nothing is, and refuses what is no prefix", async () => {
    expect(await run(["ls", "nothing"])).toMatchObject({ outcome: "ok", out: "", err: "" });
    expect(await run(["ls", "a/b/c/d"])).toMatchObject({ outcome: "usage", out: "" });
  });

  it("stops when nobody reads on", async () => {
    expect(await run(["ls"], { closedAfterWrites: 0 })).toMatchObject({ outcome: "outputClosed", err: "" });
  });
});

describe("stat", () => {
  it("shows everything about a table: version, size, reference, schema and metadata", async () => {
    await putTable("stat/s/table", "annotated");
    const { out } = await run(["stat", "stat/s/table"]);
    expect(out).toMatch(
      /^key {7}stat\/s\/table\nkind {6}table\ntype {6}table\nversion {3}1\nrows {6}3\nsize {6}24 B\n/,
    );
    expect(out).toContain(`location  ${server.endpoint}\n`);
    expect(out).toContain('  metadata "kept" = "äöü"\n');
    const ref = /^ref {7}(\S+)$/m.exec(out)?.[1] ?? "";
    expect(decodeObjectRef(Buffer.from(ref, "base64"))).toEqual({
      endpoint: server.endpoint,
      key: "stat/s/table",
      version: 1,
    });
  });

  it("shows nested types in one text, and the same as JSON", async () => {
    await putTable("stat/s/nested", "nested");
    expect((await run(["stat", "stat/s/nested"])).out).toContain(
      '  "deep" struct<x: list<item: struct<y: large_list<item: int16>>>, z: utf8>\n',
    );
    const json = JSON.parse((await run(["stat", "stat/s/nested", "--json"])).out);
    expect(json).toMatchObject({
      key: "stat/s/nested",
      kind: "table",
      rows: 3,
      locations: [server.endpoint],
    });
    expect(json.schema.fields[0]).toEqual({
      name: "deep",
      type: "struct<x: list<item: struct<y: large_list<item: int16>>>, z: utf8>",
      nullable: true,
    });
  });

  it("shows the newest version of a value with patches, and its size with them", async () => {
    await putValue("stat/s/value", "base");
    await server.client.put(valuePut(commandDescriptor("PATCH:stat/s/value"), "patch"));
    expect((await run(["stat", "stat/s/value"])).out).toContain("version   2\n");
    expect((await run(["stat", "stat/s/value"])).out).toContain("size      9 B\n");
  });
});

describe("cat", () => {
  it("shows the first rows of a table, and how many more there are", async () => {
    await putTable("cat/s/table", "lz4");
    expect((await run(["cat", "cat/s/table", "-n", "2"])).out).toBe(
      "    n  t\nint64  utf8\n-----  ----\n    0  text\n    1  text\n… 498 more rows\n",
    );
    expect((await run(["cat", "cat/s/table", "-n", "2", "--json"])).out).toBe(
      '{"n":0,"t":"text"}\n{"n":1,"t":"text"}\n',
    );
  });

  it("shows JSON, text and bytes of values, each as it reads best", async () => {
    await putValue("cat/s/json", 'FLM\x05{"a":1}');
    await putValue("cat/s/text", "hello");
    await putValue("cat/s/bytes", Buffer.from([0, 255]));
    expect((await run(["cat", "cat/s/json"])).out).toBe('{\n  "a": 1\n}\n');
    expect((await run(["cat", "cat/s/text"])).out).toBe("hello\n");
    expect((await run(["cat", "cat/s/bytes"])).out).toContain("00000000  00 ff ");
    expect(JSON.parse((await run(["cat", "cat/s/json", "--json"])).out)).toEqual({
      version: 1,
      kind: "base",
      type: "json",
      size: 11,
      value: { a: 1 },
    });
  });

  it("shows a base and its patches apart, each with its version", async () => {
    await putValue("cat/s/patched", "base");
    await server.client.put(valuePut(commandDescriptor("PATCH:cat/s/patched"), "one"));
    await server.client.put(valuePut(commandDescriptor("PATCH:cat/s/patched"), "two"));
    expect((await run(["cat", "cat/s/patched"])).out).toBe(
      "-- base, version 1, 4 B\nbase\n-- patch, version 2, 3 B\none\n-- patch, version 3, 3 B\ntwo\n",
    );
    expect((await run(["cat", "cat/s/patched", "-n", "2"])).out).not.toContain("two");
  });

  it("shows a table that an SDK put inside of a value", async () => {
    await putValue("cat/s/inside", Buffer.concat([Buffer.from("FLM\x02"), goldenStream("numbers")]));
    expect((await run(["cat", "cat/s/inside", "-n", "1"])).out).toMatch(
      /^int8 {2}int16 .*\nint8 {2}int16 .*\n--.*\n {3}1 /,
    );
  });

  it("names a pickle and does not read it", async () => {
    await putValue("cat/s/pickle", Buffer.from("FLM\x00cos\nsystem\n(S'true'\ntR."));
    expect((await run(["cat", "cat/s/pickle"])).out).toContain("a pickled Python value, 27 B: not displayed");
  });

  it("shows the beginning of a large value without fetching the rest", async () => {
    await putValue("cat/s/large", Buffer.alloc(5_000_000, "x"));
    const { out } = await run(["cat", "cat/s/large"]);
    expect(out).toHaveLength(1024 ** 2 + "\n… 3.77 MiB more: get -o FILE brings it all\n".length);
    expect(out).toMatch(/x\n… 3\.77 MiB more/);
  });

  it("and get read a value that was put compressed", async () => {
    // A stored block in an lz4 frame, the value's size in front.
    const frame = Buffer.from("04224d18604082" + "03000080" + "616263" + "00000000", "hex");
    const size = Buffer.alloc(8);
    size.writeBigInt64LE(3n);
    const stored = Buffer.concat([size, frame]);
    const row = encodeWireRow({
      version: 0,
      dataSizeBytes: stored.length,
      codec: { name: "lz4_frame", valueSizeBytes: 3 },
    });
    const body = Buffer.concat([row.bodyFront, stored, Buffer.alloc(row.paddingSizeBytes)]);
    const messages = putMessages(pathDescriptor("cat/s/lz4"), OPAQUE_SCHEMA_HEADER, [
      { header: row.header, body },
    ]);
    await server.client.put(messages);
    expect((await run(["cat", "cat/s/lz4"])).out).toBe("abc\n");
    expect((await run(["get", "cat/s/lz4"])).out).toBe("abc");
    expect((await run(["cp", "cat/s/lz4", "cat/s/lz4-copy"])).outcome).toBe("ok");
    expect((await run(["get", "cat/s/lz4-copy"])).out).toBe("abc");
  });

  it.each(["-1", "1.5", "many", "100001"])("refuses a count of rows that is none: %s", async (rows) => {
    expect(await run(["cat", "cat/s/text", "-n", rows])).toMatchObject({ outcome: "usage", out: "" });
  });
});

// The last: a delete raises the versions of everything that is put later.
describe("rm", () => {
  beforeEach(async () => {
    for (const name of ["a", "b", "c"]) await putValue(`rm/s/${name}`, "12345");
  });

  const left = async (): Promise<number> => (await server.client.keys("rm")).length;

  it("deletes one object without a question", async () => {
    expect(await run(["rm", "rm/s/a"])).toMatchObject({
      outcome: "ok",
      out: "deleted 1 object (5 B)\n",
      err: "",
    });
    expect(await left()).toBe(2);
  });

  it("refuses to delete several where nobody can be asked, and says how many", async () => {
    const refused = await run(["rm", "rm/s"], { input: "y\n" });
    expect(refused).toMatchObject({ outcome: "usage", out: "" });
    expect(refused.err).toBe(
      "flame-object-cache: this would delete 3 objects (15 B) at rm/s: confirm with --yes\n",
    );
    expect(await left()).toBe(3);
  });

  it.each(["rm/s", "rm/*"])("deletes several with --yes: %s", async (prefix) => {
    const { out } = await run(["rm", prefix, "--yes", "--json"]);
    expect(JSON.parse(out)).toEqual({ prefix, objects: 3, size: 15 });
    expect(await left()).toBe(0);
  });

  it.each(["y\n", "YES\n"])("asks on a terminal, and deletes after %j", async (input) => {
    const asked = await run(["rm", "rm/s"], { isTerminal: true, input });
    expect(asked.err).toBe("Delete 3 objects (15 B) at rm/s? [y/N] ");
    expect(asked).toMatchObject({ outcome: "ok", out: "deleted 3 objects (15 B)\n" });
    expect(await left()).toBe(0);
  });

  it.each(["n\n", "\n", "yess\n", ""])("asks on a terminal, and keeps everything after %j", async (input) => {
    const asked = await run(["rm", "rm/s"], { isTerminal: true, input });
    expect(asked).toMatchObject({ outcome: "declined", out: "" });
    expect(asked.err).toMatch(/\? \[y\/N\] \n?nothing was deleted\n$/);
    expect(await left()).toBe(3);
  });

  it("says that there is nothing, and refuses a lone application and what is no key", async () => {
    expect(await run(["rm", "rm/nowhere"])).toMatchObject({ outcome: "noInput", out: "" });
    expect(await run(["rm", "rm", "--yes"])).toMatchObject({
      outcome: "usage",
      err: expect.stringContaining("'rm/*'"),
    });
    expect(await run(["rm", "rm/.hidden/x", "--yes"])).toMatchObject({ outcome: "usage" });
    expect(await run(["rm", "a/b/c/d", "--yes"])).toMatchObject({ outcome: "usage" });
    expect(await left()).toBe(3);
  });
});
