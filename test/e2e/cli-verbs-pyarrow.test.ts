import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { builtDoor } from "../support/built-package.ts";
import { type InProcessServer, startInProcess } from "../support/in-process-server.ts";
import { pythonEnvironment } from "../support/python-environment.ts";
import { startCommand } from "../support/start-command.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../support/temporary-directory.ts";

const PYTHON = await pythonEnvironment();
const NAMES = ["stream", "file", "lz4", "plain"];

const MAKE = `
import sys, datetime, decimal, pyarrow as pa, pyarrow.ipc as ipc
table = pa.table({
    "n": pa.array(range(100_000), pa.int64()),
    "text": pa.array([None if i % 7 == 0 else "row %d" % i for i in range(100_000)]),
    "when": pa.array([datetime.datetime(2024, 1, 1) + datetime.timedelta(seconds=i) for i in range(100_000)], pa.timestamp("us", "UTC")),
    "price": pa.array([decimal.Decimal(i).scaleb(-2) for i in range(100_000)], pa.decimal128(12, 2)),
    "kind": pa.array(["a", "b"] * 50_000).dictionary_encode(),
    "list": pa.array([[i, i + 1] for i in range(100_000)]),
})
options = ipc.IpcWriteOptions(compression="lz4")
for name, opener in (("stream", lambda f: ipc.new_stream(f, table.schema)), ("file", lambda f: ipc.new_file(f, table.schema)),
                     ("lz4", lambda f: ipc.new_file(f, table.schema, options=options)), ("plain", lambda f: ipc.new_file(f, table.schema))):
    with pa.OSFile(sys.argv[1] + "/" + name, "wb") as f, opener(f) as writer:
        writer.write_table(table, max_chunksize=None if name == "plain" else 30_000)
`;

const COMPARE = `
import sys, pyarrow as pa, pyarrow.ipc as ipc
for name in sys.argv[2:]:
    opener = ipc.open_stream if name == "stream" else ipc.open_file
    wanted = opener(sys.argv[1] + "/" + name).read_all()
    for back in (ipc.open_file(pa.memory_map(sys.argv[1] + "/" + name + ".arrow")), ipc.open_stream(sys.argv[1] + "/" + name + ".arrows")):
        table = back.read_all()
        table.validate(full=True)
        assert table.equals(wanted, check_metadata=True), name
    print(name, wanted.num_rows)
`;

describe.skipIf("missing" in PYTHON)("tables that pyarrow writes and reads", () => {
  let server: InProcessServer;
  let directory: TemporaryDirectory;
  const python = (code: string, ...args: string[]): string =>
    execFileSync("python" in PYTHON ? PYTHON.python : "", ["-c", code, directory.path, ...args], {
      encoding: "utf8",
    });

  async function flame(...args: readonly string[]): Promise<string> {
    await using command = startCommand(args, {
      directory: directory.path,
      environment: { FLAME_CACHE_ENDPOINT: server.endpoint },
    });
    expect([await command.ended, command.stderr]).toEqual([0, ""]);
    return command.stdout;
  }

  beforeAll(async () => {
    await builtDoor();
    server = await startInProcess();
    directory = temporaryDirectory("cli-pyarrow");
    python(MAKE);
  });
  afterAll(async () => {
    await server.stop();
    directory.remove();
  });

  it("are equal after put and get, as files and as streams", async () => {
    for (const name of NAMES) {
      await flame("put", join(directory.path, name), "--key", `py/s/${name}`);
      await flame("get", `py/s/${name}`, "-o", `${name}.arrow`);
      await flame("get", `py/s/${name}`, "-o", `${name}.arrows`);
    }
    expect(python(COMPARE, ...NAMES)).toBe(NAMES.map((name) => `${name} 100000\n`).join(""));
  });

  it.each(NAMES)("show the same first rows however they were written: %s", async (name) => {
    await flame("put", join(directory.path, name), "--key", `py/s/${name}`);
    expect(await flame("cat", `py/s/${name}`, "-n", "2")).toBe(
      [
        "    n  text   when                             price  kind                     list",
        "int64  utf8   timestamp[us, UTC]    decimal128(12,2)  dictionary<int32, utf8>  list<item: int64>",
        "-----  -----  --------------------  ----------------  -----------------------  -----------------",
        "    0  null   2024-01-01T00:00:00Z              0.00  a                        [0, 1]",
        "    1  row 1  2024-01-01T00:00:01Z              0.01  b                        [1, 2]",
        "… 99,998 more rows",
        "",
      ].join("\n"),
    );
  });
});
