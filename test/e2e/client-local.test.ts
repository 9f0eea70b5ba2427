import { execFileSync } from "node:child_process";
import {
  cpSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { type Table, tableFromArrays } from "apache-arrow";
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { readLocalObject } from "../../src/client/cache/local/local-object.ts";
import { isThisHost } from "../../src/client/cache/local/this-host.ts";
import { FlightClient } from "../../src/client/flight/flight-client.ts";
import { FlameCache, type FlameCacheOptions, IpcTable } from "../../src/client/index.ts";
import { formatFileLocation } from "../../src/service/flight/file-location.ts";
import { CountingProxy } from "../support/counting-proxy.ts";
import { type InProcessServer, startInProcess } from "../support/in-process-server.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../support/temporary-directory.ts";
import { goldenStream } from "../unit/arrow/golden.ts";

const MIB = 1024 * 1024;
const LARGE = 32 * MIB;
/** What may come through the connection for a file that is read directly: the calls that name it. */
const CALLS = 16 * 1024;

let storage: TemporaryDirectory;
let server: InProcessServer;
let proxy: CountingProxy;

beforeEach(async () => {
  storage = temporaryDirectory("local");
  server = await startInProcess(storage.path);
  proxy = await CountingProxy.start(server.endpoint);
});

afterEach(async () => {
  await proxy.stop();
  await server.stop();
  storage.remove();
});

async function connect(
  options: FlameCacheOptions = {},
  env: Record<string, string> = {},
): Promise<FlameCache> {
  const home = { FLAME_HOME: storage.path, HOME: storage.path };
  return await FlameCache.connect({
    endpoint: proxy.endpoint,
    cacheBytesMax: 0,
    env: { ...home, ...env },
    ...options,
  });
}

async function sentFor(work: () => Promise<unknown>): Promise<number> {
  const before = proxy.receivedBytes;
  await work();
  return proxy.receivedBytes - before;
}

const BYTES = Buffer.alloc(LARGE, "thirty-two MiB of this. ");
const TABLE = tableFromArrays({ x: Float64Array.from({ length: LARGE / 8 }, (_, row) => row) });

describe("a large object of a server on this host", () => {
  it("is read from its file when it is bytes", async () => {
    await using cache = await connect();
    const { key } = await cache.put("app", "local", BYTES);
    expect(Buffer.compare(await cache.get<Uint8Array>(key), BYTES)).toBe(0);
    expect(await sentFor(() => cache.get(key))).toBeLessThan(CALLS);
    expect(await sentFor(() => cache.getBytes(key))).toBeLessThan(CALLS);
  });

  it.each(["arrow", "flechette", "ipc"] as const)(
    "is read from its file when it is a table: %s",
    async (tables) => {
      await using cache = await connect({ tables });
      const { key } = await cache.put("app", "local", TABLE);
      expect(await sentFor(() => cache.get(key))).toBeLessThan(CALLS);
      const table = await cache.get<Table>(key, { tables: "arrow" });
      expect(Buffer.compare(bytesOf(table), bytesOf(TABLE))).toBe(0);
      expect([...table.schema.metadata]).toEqual([]);
    },
  );

  it("is the version that is current", async () => {
    await using cache = await connect();
    const { key } = await cache.put("app", "local", BYTES);
    await cache.update(key, Buffer.concat([BYTES, Buffer.from("more")]));
    expect((await cache.get<Uint8Array>(key)).length).toBe(LARGE + 4);
    await cache.delete(key);
    await expect(cache.get(key)).rejects.toThrow(expect.objectContaining({ code: "OBJECT_NOT_FOUND" }));
  });

  it("is held as one that was sent: not read again while it is current", async () => {
    await using cache = await connect({ cacheBytesMax: 2 * LARGE });
    const { key } = await cache.put("app", "local", BYTES);
    await cache.get(key);
    expect(await sentFor(() => cache.get(key))).toBeLessThan(4096);
    await cache.patch(key, "patch");
    const sent = await sentFor(async () => {
      const lengths = (base: Uint8Array, patches: unknown[]) => [base.length, patches];
      expect(await cache.get(key, { merge: lengths })).toEqual([LARGE, ["patch"]]);
    });
    expect(sent).toBeLessThan(4096);
  });

  it("is sent when it has patches", async () => {
    await using cache = await connect();
    const { key } = await cache.put("app", "local", BYTES);
    await cache.patch(key, "patch");
    expect(await sentFor(() => cache.get(key))).toBeGreaterThan(LARGE);
    expect(await cache.get(key, { merge: (_, patches) => patches })).toEqual(["patch"]);
  });

  it("is sent when direct reading is switched off, by option or by environment", async () => {
    await using byOption = await connect({ zeroCopy: false });
    await using byEnvironment = await connect({}, { FLAME_ZERO_COPY: "0" });
    const { key } = await byOption.put("app", "local", BYTES);
    expect(await sentFor(() => byOption.get(key))).toBeGreaterThan(LARGE);
    expect(await sentFor(() => byEnvironment.get(key))).toBeGreaterThan(LARGE);
  });

  it("is read from its file in one call, also when an older version is held", async () => {
    await using cache = await connect({ cacheBytesMax: 2 * LARGE });
    const { key } = await cache.put("app", "local", "small");
    expect(await cache.get(key)).toBe("small");
    await cache.update(key, BYTES);
    const calls = vi.spyOn(FlightClient.prototype, "doGet");
    const infos = vi.spyOn(FlightClient.prototype, "getFlightInfo");
    onTestFinished(() => void vi.restoreAllMocks());
    expect(await sentFor(() => cache.get(key))).toBeLessThan(CALLS);
    expect({ calls: calls.mock.calls.length, infos: infos.mock.calls.length }).toEqual({
      calls: 1,
      infos: 0,
    });
  });

  it("is sent by a second call when its file is another one by the time it is opened", async () => {
    await using cache = await connect();
    const { key } = await cache.put("app", "local", BYTES);
    const { doGet } = FlightClient.prototype;
    const calls = vi.spyOn(FlightClient.prototype, "doGet");
    onTestFinished(() => void calls.mockRestore());
    calls.mockImplementationOnce(async function* (this: FlightClient, ...given) {
      yield* doGet.apply(this, given);
      utimesSync(join(storage.path, `${key}.arrow`), 1, 1);
    });
    expect(await sentFor(() => cache.get(key))).toBeGreaterThan(LARGE);
    expect(calls).toHaveBeenCalledTimes(2);
  });

  it("is sent by a server without files", async () => {
    const forgetful = await startInProcess();
    onTestFinished(() => forgetful.stop());
    await proxy.pointAt(forgetful.endpoint);
    await using cache = await connect();
    const { key } = await cache.put("app", "local", BYTES);
    expect(await sentFor(() => cache.get(key))).toBeGreaterThan(LARGE);
  });
});

function bytesOf(table: Table): Buffer {
  const { buffer, byteOffset, byteLength } = table.getChild("x")!.toArray() as Float64Array;
  return Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength);
}

describe("the file of an object", () => {
  const KEY = "app/session/object";
  let path: string;
  let cache: FlameCache;

  beforeEach(async () => {
    cache = await connect();
    path = join(storage.path, `${KEY}.arrow`);
  });

  afterEach(() => cache.close());

  /** Puts an object and has its file written: a server that gives a location does that. */
  async function putFile(value: unknown): Promise<void> {
    await cache.put(KEY, value);
    const client = new FlightClient({ endpoint: server.endpoint });
    const metadata = { "flame-file-locations": "1" };
    await client.getFlightInfo({ kind: "path", path: [KEY] }, { metadata });
    await client.close();
  }

  function locationOf(
    file: string,
    changes: Partial<Record<"size" | "dev" | "ino" | "mtime_ns", string>> = {},
  ): string {
    const { size, dev, ino, mtimeNs } = statSync(file, { bigint: true });
    const location = { path: file, sizeBytes: size, device: dev, inode: ino, modifiedNs: mtimeNs };
    const url = new URL(formatFileLocation(location));
    for (const [name, value] of Object.entries(changes)) url.searchParams.set(name, value);
    return url.href;
  }

  it.each(["nested", "dictionaries", "deltas", "zstd", "no-rows", "unions"])(
    "holds a table of any type as it was put: %s",
    async (name) => {
      await putFile(new IpcTable(goldenStream(name)));
      const sent = await cache.get<IpcTable>(KEY, { tables: "ipc" });
      const read = await readLocalObject(locationOf(path), KEY);
      expect(read).toMatchObject({ kind: "table", version: 1 });
      const bodies = (parts: readonly Uint8Array[]) => parts.slice(1).map((part) => lastBytes(part));
      expect(bodies(read?.kind === "table" ? read.parts : [])).toEqual(bodies(sent.parts));
    },
  );

  /** Without the header, whose padding differs: bodies are a multiple of 8 long in both. */
  function lastBytes(part: Uint8Array): string {
    const headerBytes = Buffer.from(part).readInt32LE(4);
    return Buffer.from(part)
      .subarray(8 + headerBytes)
      .toString("hex");
  }

  it("holds an opaque value with its tag", async () => {
    await cache.put(KEY, "text");
    await putFile("newer");
    const read = await readLocalObject(locationOf(path), KEY);
    expect(read).toMatchObject({
      kind: "opaque",
      version: 2,
      base: Buffer.from('FLM\x05"newer"'),
      patches: [],
    });
  });

  it.each([
    ["size", "1"],
    ["dev", "1"],
    ["ino", "1"],
    ["mtime_ns", "1"],
    ["size", "none"],
    ["size", "0x10"],
    ["size", ""],
    ["ino", "9".repeat(30)],
  ] as const)("of another %s is not read", async (name, value) => {
    await putFile("text");
    expect(await readLocalObject(locationOf(path, { [name]: value }), KEY)).toBeUndefined();
  });

  it("that was replaced, touched or deleted is not read", async () => {
    await putFile("text");
    const location = locationOf(path);
    cpSync(path, `${path}.copy`);
    renameSync(`${path}.copy`, path);
    expect(await readLocalObject(location, KEY)).toBeUndefined();
    const replaced = locationOf(path);
    utimesSync(path, 1, 1);
    expect(await readLocalObject(replaced, KEY)).toBeUndefined();
    rmSync(path);
    expect(await readLocalObject(replaced, KEY)).toBeUndefined();
  });

  const places = { file: KEY, session: "app/session", application: "app" };
  it.each(Object.entries(places))(
    "is not read through a symbolic link in place of its %s",
    async (_, name) => {
      await putFile("text");
      const ending = name === KEY ? ".arrow" : "";
      const moved = join(storage.path, "moved");
      renameSync(join(storage.path, `${name}${ending}`), moved);
      symlinkSync(moved, join(storage.path, `${name}${ending}`));
      expect(await readLocalObject(locationOf(path), KEY)).toBeUndefined();
    },
  );

  it("is read through a symbolic link above the storage directory", async () => {
    await putFile("text");
    const above = temporaryDirectory("above");
    symlinkSync(storage.path, join(above.path, "link"));
    const read = await readLocalObject(locationOf(join(above.path, "link", `${KEY}.arrow`)), KEY);
    above.remove();
    expect(read).toMatchObject({ kind: "opaque", version: 1 });
  });

  const others: Record<string, () => void> = {
    pipe: () => void execFileSync("mkfifo", [path]),
    directory: () => mkdirSync(path),
    "file without bytes": () => writeFileSync(path, ""),
    "link to a device": () => symlinkSync("/dev/zero", path),
    "link to a file of the kernel": () => symlinkSync("/proc/self/environ", path),
    "file that is another one": () => writeFileSync(path, "this is no Arrow file at all, but long enough"),
  };
  it.each(Object.entries(others))("is sent when there is a %s in its place", async (_, make) => {
    await putFile("text");
    rmSync(path);
    make();
    expect(await readLocalObject(locationOf(path), KEY)).toBeUndefined();
  });

  it("is not read when the location is of another object", async () => {
    await putFile("text");
    expect(await readLocalObject(locationOf(path), "app/session/other")).toBeUndefined();
    expect(await readLocalObject(locationOf("/etc/passwd"), KEY)).toBeUndefined();
    expect(await readLocalObject(locationOf(path), KEY, { bytesMax: 100 })).toBeUndefined();
    expect(await readLocalObject(`${locationOf(path)}&a=${"1".repeat(100_000)}`, KEY)).toBeUndefined();
  });

  it("is not taken for one when it is no object's", async () => {
    expect(await readLocalObject(locationOf(storage.path), KEY)).toBeUndefined();
    for (const uri of [
      "file://elsewhere/a?size=1&dev=1&ino=1&mtime_ns=1",
      "grpc://127.0.0.1",
      "file:///a",
      "no uri",
    ]) {
      expect(await readLocalObject(uri, KEY), uri).toBeUndefined();
    }
  });

  it("ends with CANCELLED when the signal says so", async () => {
    await putFile("text");
    const reading = readLocalObject(locationOf(path), KEY, { signal: AbortSignal.abort() });
    await expect(reading).rejects.toThrow(expect.objectContaining({ code: "CANCELLED" }));
  });

  it("is there once and alone after all of this", async () => {
    await cache.put(KEY, BYTES);
    await cache.get(KEY);
    expect(readdirSync(join(storage.path, "app", "session"))).toEqual(["object.arrow"]);
  });
});

describe("this host", () => {
  it.each(["127.0.0.1", "127.1.2.3", "localhost", "::1", "[::1]"])("is %s", (host) => {
    expect(isThisHost(host)).toBe(true);
  });

  it.each(["198.51.100.7", "cache.example.org", "127.example.org", "2001:db8::1", ""])(
    "is not %j",
    (host) => {
      expect(isThisHost(host)).toBe(false);
    },
  );
});
