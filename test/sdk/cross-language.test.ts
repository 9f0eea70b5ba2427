/**
 * The same random values written by either SDK are read equal by the other: bytes, JSON, and tables of the types both know.
 *
 * Python makes the values (cross-language/values.py) and writes them down; both SDKs put them, each gets what the other
 * has put. Without Python the test is skipped and says so; with CI=true that is a failure.
 */
import { execFile, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { isDeepStrictEqual, promisify } from "node:util";
import { type Table, tableFromIPC } from "apache-arrow";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { FlameCache } from "../../src/client/index.ts";
import { decodeObjectRef, encodeObjectRef, type ObjectRef } from "../../src/object/object-ref.ts";
import { campaign } from "../support/campaign.ts";
import { cleanEnvironment } from "../support/clean-environment.ts";
import { type InProcessServer, startInProcess } from "../support/in-process-server.ts";
import { pythonEnvironment } from "../support/python-environment.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

const COUNT = campaign({ slice: 200, whole: 1000 });
const SEED = 20_261_122;
const SCRIPT = "test/sdk/cross-language/values.py";
const TEST_MS = 120_000;

type ValueFile =
  | { readonly kind: "bytes"; readonly hex: string }
  | { readonly kind: "json"; readonly value: unknown }
  | { readonly kind: "table"; readonly file: string };

const environment = await pythonEnvironment();
const python = "python" in environment ? environment.python : "";
const absence = "missing" in environment ? environment.missing : undefined;
const directory = temporaryDirectory("cross-language");
const stored = temporaryDirectory("cross-language-storage");

let server: InProcessServer;
let cache: FlameCache;
let files: ValueFile[] = [];

function pythonOptions(): { env: Record<string, string>; maxBuffer: number } {
  const env = cleanEnvironment({ PYTHONPATH: "python", FLAME_CACHE_ENDPOINT: server.endpoint });
  return { env, maxBuffer: 64 * 1024 ** 2 };
}

async function runPython(...args: readonly string[]): Promise<string> {
  return (await promisify(execFile)(python, [SCRIPT, ...args], pythonOptions())).stdout;
}

/** Runs the script with text on its standard input. */
async function askPython(args: readonly string[], input: string): Promise<string> {
  const child = spawn(python, [SCRIPT, ...args], { ...pythonOptions(), stdio: ["pipe", "pipe", "inherit"] });
  child.stdin.end(input);
  let output = "";
  for await (const chunk of child.stdout) output += String(chunk);
  return output;
}

function load(file: ValueFile): unknown {
  if (file.kind === "bytes") return Uint8Array.from(Buffer.from(file.hex, "hex"));
  if (file.kind === "json") return file.value;
  return tableFromIPC(readFileSync(join(directory.path, file.file)));
}

/** All of a table that can be seen, as text: fields with their types and metadata, and every value. */
function contentOf(table: Table): string {
  const { schema } = table;
  const metadata = [...schema.metadata].filter(([key]) => !key.startsWith("flame.cache."));
  const fields = schema.fields.map((field) => [`${field}`, [...field.metadata]]);
  const columns = schema.fields.map((_, index) => [...table.getChildAt(index)!]);
  return JSON.stringify({ metadata, fields, columns }, withExactNumbers);
}

/** For JSON: what it has no number for. */
function withExactNumbers(_name: string, value: unknown): unknown {
  if (typeof value === "bigint") return `${value}n`;
  return typeof value === "number" && (!Number.isFinite(value) || Object.is(value, -0))
    ? `number ${value}`
    : value;
}

function isEqual(got: unknown, wanted: unknown, file: ValueFile): boolean {
  if (file.kind === "table") return contentOf(got as Table) === contentOf(wanted as Table);
  if (file.kind === "bytes")
    return got instanceof Uint8Array && Buffer.compare(got, wanted as Uint8Array) === 0;
  return isDeepStrictEqual(got, wanted);
}

describe.skipIf(absence !== undefined && process.env.CI !== "true")("the same random values", () => {
  beforeAll(async () => {
    server = await startInProcess(stored.path);
    cache = await FlameCache.connect({ endpoint: server.endpoint });
    await runPython("make", directory.path, `${COUNT}`, `${SEED}`);
    files = JSON.parse(readFileSync(join(directory.path, "values.json"), "utf8")) as ValueFile[];
  }, TEST_MS);

  afterAll(async () => {
    await cache?.close();
    await server?.stop();
    directory.remove();
    stored.remove();
  });

  test("written by TypeScript are read equal by Python", { timeout: TEST_MS }, async () => {
    const refs: ObjectRef[] = [];
    for (const file of files) refs.push(await cache.put("app", "from-typescript", load(file)));
    const encoded = refs.map((ref) => Buffer.from(encodeObjectRef(ref)).toString("hex"));
    const answer = await askPython(["check", directory.path], JSON.stringify(encoded));
    expect(JSON.parse(answer)).toEqual({ compared: COUNT, different: [] });
  });

  test("written by Python are read equal by TypeScript", { timeout: TEST_MS }, async () => {
    const encoded = JSON.parse(await runPython("put", directory.path, "app/from-python")) as string[];
    expect(encoded).toHaveLength(COUNT);
    const different: number[] = [];
    for (const [number, file] of files.entries()) {
      const got = await cache.get(decodeObjectRef(Buffer.from(encoded[number]!, "hex")));
      if (!isEqual(got, load(file), file)) different.push(number);
    }
    expect(different).toEqual([]);
  });

  test("are of every kind", () => {
    expect(new Set(files.map(({ kind }) => kind))).toEqual(new Set(["bytes", "json", "table"]));
  });
});
