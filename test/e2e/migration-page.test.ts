/**
 * docs/migration.md: its commands and scripts run as they stand, in the order of the page. Redis and
 * S3 are modules of Python with the few functions that the scripts call.
 */
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ANCESTOR_DIRECTORY, digestsOf } from "../support/ancestor-directory.ts";
import { PageSession } from "../support/page-session.ts";
import { pythonEnvironment } from "../support/python-environment.ts";

const SAMPLES = `
import pyarrow as pa
import pyarrow.parquet as parquet

table = pa.table({"n": [1, 2, 3]})
with pa.OSFile("trips.arrow", "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
    writer.write_table(table)
parquet.write_table(table, "files/2026-01/sales.parquet")
`;
const REDIS = `
VALUES = {b"user:7:name": (b"Ann", -1), b"user:8:name": (b"Bob", 60_000), b"gone": (None, -2)}

class Redis:
    from_url = classmethod(lambda cls, url: cls())
    scan_iter = lambda self, count, _type: iter(VALUES)
    get = lambda self, key: VALUES[key][0]
    pttl = lambda self, key: VALUES[key][1]
`;
const BOTO3 = `
import io

OBJECTS = {"resnet/v1/weights.bin": b"weights", "readme": b"a text"}

class Client:
    def get_paginator(self, name):
        return self
    def paginate(self, Bucket):
        return [{"Contents": [{"Key": key} for key in OBJECTS]}, {}]
    def get_object(self, Bucket, Key):
        return {"Body": io.BytesIO(OBJECTS[Key])}

def client(name):
    return Client()
`;

/** Commands after the blocks that contain these words. */
const FOLLOW_UPS: readonly { words: string; command: string; output: RegExp }[] = [
  { words: "from_redis.py redis", command: "flame-object-cache stat app/user/8:name", output: /^expires/m },
  { words: "from_s3.py models", command: "flame-object-cache get app/readme/object", output: /^a text$/ },
  {
    words: "from_files.py files",
    command: "flame-object-cache stat imported/2026-01/sales",
    output: /table/,
  },
  { words: "", command: "true", output: /^/ },
];

const environment = await pythonEnvironment();
const python = "python" in environment ? environment.python : "true";
const page = await PageSession.open("docs/migration.md", { python });
const shell = (text: string): Promise<string[]> => page.run({ language: "sh", text, shown: [] });

afterAll(() => page.close());

describe.skipIf("missing" in environment && process.env.CI !== "true")("the page about migration", () => {
  beforeAll(async () => {
    mkdirSync(page.path("files/2026-01"), { recursive: true });
    writeFileSync(page.path("files/2026-01/notes.txt"), "any text\n");
    await page.run({ language: "python", text: SAMPLES, shown: [] });
    writeFileSync(page.path("redis.py"), REDIS);
    writeFileSync(page.path("boto3.py"), BOTO3);
    cpSync(ANCESTOR_DIRECTORY, page.path("rust-objects"), { recursive: true });
    await shell(`export FLAME_CACHE_ENDPOINT=grpc://127.0.0.1:${page.ports[0]}`);
  });

  test.each(page.blocks.map((block, index) => [index + 1, block] as const))(
    "prints in block %i what it shows",
    async (_, block) => {
      const lines = await page.run(block);
      for (const line of block.shown) expect(lines).toContain(line);
      const { command, output } = FOLLOW_UPS.find(({ words }) => block.text.includes(words))!;
      expect((await shell(command)).join("\n").trim()).toMatch(output);
    },
  );

  test("leaves the files of the Rust cache as they were", () => {
    expect(digestsOf(page.path("rust-objects"))).toEqual(digestsOf(ANCESTOR_DIRECTORY));
  });

  test("has a script for files, for Redis and for S3", () => {
    const names = ["from_files.py", "from_redis.py", "from_s3.py"];
    expect(names.map((name) => readFileSync(page.path(name), "utf8").includes("FlameCache()"))).toEqual([
      true,
      true,
      true,
    ]);
  });
});
