import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { FlatbufferReader } from "../../../src/arrow/flatbuffer-reader.ts";
import { decodeFooter, footerSizeBytes } from "../../../src/arrow/footer.ts";
import { encodeRecordBatchMessage, encodeSchemaMessage } from "../../../src/arrow/message-writer.ts";
import { FOOTER } from "../../../src/arrow/slots.ts";
import { pathDescriptor, putMessages } from "../../support/flight-messages.ts";
import { type InProcessServer, startInProcess } from "../../support/in-process-server.ts";
import { type Finished, runCommand } from "./verb-fixture.ts";

const FILES = fileURLToPath(new URL("../../golden/cases/", import.meta.url));

let server: InProcessServer;
let directory: string;
beforeAll(async () => {
  server = await startInProcess();
  directory = mkdtempSync(join(tmpdir(), "real-files-"));
});
afterAll(async () => {
  await server.stop();
  rmSync(directory, { recursive: true });
});

const run = (args: readonly string[], input: string | Uint8Array = ""): Promise<Finished> =>
  runCommand(args, { input, env: { FLAME_CACHE_ENDPOINT: server.endpoint } });

async function put(name: string): Promise<string> {
  const key = `files/s/${name}`;
  expect(await run(["put", join(FILES, name), "-k", key])).toMatchObject({ outcome: "ok", err: "" });
  return key;
}

/** File, what its first row begins with, and how many rows it has. */
const SHOWN: readonly (readonly [string, Record<string, unknown>, number])[] = [
  ["datafusion_copy.arrow", { n: 1, s: "a" }, 2],
  ["perspective_test_9byte_magic.arrow", { f32: 1.5, i64: 1, bool: true, char: "a", dict: "a" }, 5],
  ["perspective_test_null_9byte_magic.arrow", { f64: 1.5, i8: 1, char: "a", dict: "a" }, 5],
  ["perspective_bool_no_eos.arrow", { bool: true }, 5],
  ["perspective_chunked_no_eos.arrow", { int: 94, long: 758654606 }, 10],
];

/** A batch of one row of numbers. */
function uint64Row(values: readonly bigint[]): { header: Buffer; body: Buffer } {
  const body = Buffer.from(BigUint64Array.from(values).buffer);
  const header = encodeRecordBatchMessage({
    rowCount: 1,
    nodes: values.map(() => ({ length: 1, nullCount: 0 })),
    buffers: values.flatMap((_, index) => [
      { offset: 0, sizeBytes: 0 },
      { offset: 8 * index, sizeBytes: 8 },
    ]),
    bodySizeBytes: body.length,
  });
  return { header, body };
}

const lines = (text: string): unknown[] =>
  text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));

describe("files of other programs", () => {
  it.each(SHOWN)("%s is put and shown, also when the file comes through a pipe", async (name, row, rows) => {
    for (const args of [[join(FILES, name)], ["-"]]) {
      const key = `files/s/shown-${args[0]!.length}-${name}`;
      const { outcome } = await run(["put", ...args, "-k", key], readFileSync(join(FILES, name)));
      expect(outcome).toBe("ok");
      const shown = lines((await run(["cat", "--json", "-n", "10000", key])).out);
      expect(shown).toHaveLength(rows);
      expect(shown[0]).toMatchObject(row);
    }
  });

  it.each([
    ["be_primitive.arrow", "its numbers are big-endian"],
    ["be_map.arrow", "its numbers are big-endian"],
    ["feather_0.17.0_lz4.feather", "it has the compression format of Arrow 0.17"],
  ])("%s is not shown wrong: its first bytes and the reason are", async (name, reason) => {
    const key = await put(name);
    const text = await run(["cat", key]);
    expect(text).toMatchObject({ outcome: "dataError", err: expect.stringContaining(reason) });
    expect(text.out).toMatch(/^00000000 {2}ff ff ff ff /);
    const json = await run(["cat", "--json", key]);
    expect(json.outcome).toBe("dataError");
    expect(lines(json.out)).toEqual([{ hex: expect.stringMatching(/^ffffffff/) }]);
  });

  it("of which one cell cannot be shown are shown but for this cell", async () => {
    const key = await put("cpp21_interval_mdn.arrow");
    const { outcome, out } = await run(["cat", key]);
    expect(outcome).toBe("ok");
    expect(out).toContain("<unreadable: BigInt exceeds integer number representation");
    expect(out).toContain("… 7 more rows");
    expect(lines((await run(["cat", "--json", key])).out)).toHaveLength(10);
  });

  it("keep the metadata of their footer", async () => {
    const key = await put("footer_metadata.arrow");
    const output = join(directory, "metadata.arrow");
    await run(["get", key, "-o", output]);
    const file = readFileSync(output);
    expect(decodeFooter(file, file.length).metadata).toEqual(
      decodeFooter(readFileSync(join(FILES, "footer_metadata.arrow")), 546).metadata,
    );
    expect(decodeFooter(file, file.length).metadata.map(([name]) => name)).toContain("file_key");
    await run(["cp", key, "files/copies"]);
    await run(["get", "files/copies/footer_metadata.arrow", "-o", output, "--force"]);
    expect(readFileSync(output)).toEqual(file);
  });

  it("whose messages are of version 4 have a footer of that version", async () => {
    const key = await put("arrow_0.14.1_dictionary_v4.arrow");
    const output = join(directory, "v4.arrow");
    await run(["get", key, "-o", output]);
    const file = readFileSync(output);
    const footer = file.subarray(-footerSizeBytes(file.subarray(-10)), -10);
    expect(new FlatbufferReader(footer).root().int16(FOOTER.version, 0)).toBe(3);
  });
});

describe("columns of one name", () => {
  it("are all in the JSON of a row", async () => {
    const fields = ["a", "a", "a_2", "a"].map((name) => ({ name, type: "uint64", nullable: false }) as const);
    const [schema, batch] = [encodeSchemaMessage({ fields }), uint64Row([1n, 2n, 3n, 4n])];
    await server.client.put(putMessages(pathDescriptor("names/s/equal"), schema, [batch]));
    expect((await run(["cat", "--json", "names/s/equal"])).out).toBe('{"a":1,"a_3":2,"a_2":3,"a_4":4}\n');
  });
});
