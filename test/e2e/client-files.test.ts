import { closeSync, openSync, readdirSync, readFileSync, statSync, writeFileSync, writeSync } from "node:fs";
import { watch } from "node:fs/promises";
import { join } from "node:path";
import { tableFromArrays, tableFromIPC } from "apache-arrow";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { FlameCache } from "../../src/client/index.ts";
import { builtDoor } from "../support/built-package.ts";
import { startServer, type TestServer } from "../support/start-server.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../support/temporary-directory.ts";

const MIB = 1024 * 1024;
const LARGE = 256 * MIB;
const TYPED_WITHIN_MS = 5_000;

let storage: TemporaryDirectory;
let files: TemporaryDirectory;
let server: TestServer;
let cache: FlameCache;

beforeAll(builtDoor);

beforeEach(async () => {
  storage = temporaryDirectory("stored");
  files = temporaryDirectory("files");
  server = await startServer({ storage: storage.path });
  // Bytes have to pass through a connection here.
  cache = await connectTo(server);
});

afterEach(async () => {
  await cache.close();
  await server.stop();
  storage.remove();
  files.remove();
});

async function connectTo({ endpoint }: TestServer): Promise<FlameCache> {
  return await FlameCache.connect({
    endpoint,
    zeroCopy: false,
    env: { FLAME_HOME: files.path, HOME: files.path },
  });
}

/** A file of this size, each MiB of it different. */
function makeFile(name: string, sizeBytes: number): string {
  const path = join(files.path, name);
  const file = openSync(path, "w");
  for (let done = 0; done < sizeBytes; done += MIB) {
    writeSync(file, Buffer.alloc(Math.min(MIB, sizeBytes - done), `MiB ${done / MIB} of the file. `));
  }
  closeSync(file);
  return path;
}

function isSame(path: string, other: string): boolean {
  return readFileSync(path).equals(readFileSync(other));
}

describe("a file", () => {
  it.each([0, 1, MIB - 1, MIB, MIB + 1, 3 * MIB + 17])(
    "of %d bytes comes back the same",
    async (sizeBytes) => {
      const path = makeFile("up", sizeBytes);
      const ref = await cache.uploadFile("app/files", path);
      expect(await cache.downloadFile(ref, join(files.path, "down"))).toBe(sizeBytes);
      expect(isSame(path, join(files.path, "down"))).toBe(true);
      expect((await cache.stat(ref)).sizeBytes).toBe(sizeBytes);
    },
  );

  it("that begins as a tagged value does comes back the same", async () => {
    const path = join(files.path, "up");
    writeFileSync(path, "FLM\x06 is how this file begins");
    await cache.downloadFile(await cache.uploadFile("app/files/tagged", path), join(files.path, "down"));
    expect(isSame(path, join(files.path, "down"))).toBe(true);
  });

  it("replaces what was at its place, and leaves nothing beside it", async () => {
    const ref = await cache.uploadFile("app/files", makeFile("up", 10));
    writeFileSync(join(files.path, "down"), "something older");
    await cache.downloadFile(ref, join(files.path, "down"));
    expect(readdirSync(files.path).sort()).toEqual(["down", "up"]);
    expect(isSame(join(files.path, "up"), join(files.path, "down"))).toBe(true);
  });

  it("of an object that is missing leaves what was at its place", async () => {
    writeFileSync(join(files.path, "down"), "something older");
    const missing = cache.downloadFile("app/files/missing", join(files.path, "down"));
    await expect(missing).rejects.toThrow(expect.objectContaining({ code: "OBJECT_NOT_FOUND" }));
    expect(readdirSync(files.path)).toEqual(["down"]);
    expect(readFileSync(join(files.path, "down"), "utf8")).toBe("something older");
  });

  it("that cannot be read or written is the system's error, and stores nothing", async () => {
    const absent = join(files.path, "no such directory", "file");
    await expect(cache.uploadFile("app/files/absent", absent)).rejects.toThrow(
      expect.objectContaining({ code: "ENOENT" }),
    );
    await expect(cache.stat("app/files/absent")).rejects.toThrow(
      expect.objectContaining({ code: "OBJECT_NOT_FOUND" }),
    );
    const ref = await cache.put("app", "files", Buffer.from("x"));
    await expect(cache.downloadFile(ref, absent)).rejects.toThrow(
      expect.objectContaining({ code: "ENOENT" }),
    );
  });

  it("of a table is an Arrow stream", async () => {
    const ref = await cache.put("app", "files", tableFromArrays({ x: Int32Array.of(1, 2) }));
    await cache.downloadFile(ref, join(files.path, "table.arrows"));
    const table = tableFromIPC(readFileSync(join(files.path, "table.arrows")));
    expect(table.getChild("x")?.toArray()).toEqual(Int32Array.of(1, 2));
  });
});

/** Waits until a file in a directory has a few MiB: what fills it is in the middle of its work. */
async function filling(directory: string): Promise<void> {
  const isFilling = (): boolean =>
    readdirSync(directory).some(
      (name) => (statSync(join(directory, name), { throwIfNoEntry: false })?.size ?? 0) > 4 * MIB,
    );
  const stop = new AbortController();
  try {
    const changes = watch(directory, { signal: stop.signal });
    if (isFilling()) return;
    for await (const _ of changes) if (isFilling()) return;
  } finally {
    stop.abort();
  }
}

/** The error of what was under way when the server was killed, and whether it came soon. */
async function errorAfterKill(
  work: Promise<unknown>,
  kill: () => Promise<unknown>,
): Promise<{ code: unknown; soon: boolean }> {
  const failure = work.then(
    () => undefined,
    (error: unknown) => error,
  );
  await kill();
  const killedAt = performance.now();
  const error = await failure;
  const code = error instanceof Error && "code" in error ? error.code : error;
  return { code, soon: performance.now() - killedAt < TYPED_WITHIN_MS };
}

/** The same server again, at the same address. */
async function restarted(): Promise<FlameCache> {
  server = await startServer({ storage: storage.path, endpoint: server.endpoint });
  await cache.close();
  return await connectTo(server);
}

describe("a server that is killed", () => {
  it("during an upload is UNREACHABLE at once; nothing is stored, and the upload succeeds after a restart", async () => {
    const path = makeFile("up", LARGE);
    const uploading = cache.uploadFile("app/files/large", path);
    await filling(join(storage.path, ".staging"));
    const { code, soon } = await errorAfterKill(uploading, () => server.stop("SIGKILL"));
    expect({ code, soon }).toEqual({ code: "UNREACHABLE", soon: true });
    cache = await restarted();
    await expect(cache.stat("app/files/large")).rejects.toThrow(
      expect.objectContaining({ code: "OBJECT_NOT_FOUND" }),
    );
    const ref = await cache.uploadFile("app/files/large", path);
    expect((await cache.stat(ref)).sizeBytes).toBe(LARGE);
  });

  it("during a download is UNREACHABLE at once; nothing is left, and the download succeeds after a restart", async () => {
    const path = makeFile("up", LARGE);
    const ref = await cache.uploadFile("app/files/large", path);
    const directory = temporaryDirectory("downloads");
    const target = join(directory.path, "down");
    const downloading = cache.downloadFile(ref, target);
    await filling(directory.path);
    const { code, soon } = await errorAfterKill(downloading, () => server.stop("SIGKILL"));
    expect({ code, soon }).toEqual({ code: "UNREACHABLE", soon: true });
    expect(readdirSync(directory.path)).toEqual([]);
    cache = await restarted();
    expect(await cache.downloadFile(ref, target)).toBe(LARGE);
    expect(isSame(path, target)).toBe(true);
    directory.remove();
  });

  it("during a get or a put of a value is UNREACHABLE at once", async () => {
    const ref = await cache.put("app", "values", Buffer.alloc(LARGE));
    const chunks = cache.getStream(ref)[Symbol.asyncIterator]();
    await chunks.next();
    const reading = (async () => {
      for (let next = await chunks.next(); next.done !== true; next = await chunks.next());
    })();
    const putting = cache.put("app", "values", Buffer.alloc(LARGE));
    const both = Promise.all([reading.catch(codeOf), putting.catch(codeOf)]);
    await filling(join(storage.path, ".staging"));
    await server.stop("SIGKILL");
    expect(await both).toEqual(["UNREACHABLE", "UNREACHABLE"]);
  });
});

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : error;
}
