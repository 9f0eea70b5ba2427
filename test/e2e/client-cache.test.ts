import { tableFromArrays } from "apache-arrow";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  encodeObjectRef,
  FlameCache,
  IpcTable,
  isCacheError,
  type ObjectInfo,
} from "../../src/client/index.ts";
import { pathDescriptor, valuePut } from "../support/flight-messages.ts";
import { type InProcessServer, startInProcess } from "../support/in-process-server.ts";

const ENV = { FLAME_HOME: "/nonexistent", HOME: "/nonexistent" };

let server: InProcessServer;
let cache: FlameCache;

beforeAll(async () => {
  server = await startInProcess();
  cache = await FlameCache.connect({ endpoint: server.endpoint, env: ENV });
});

afterAll(async () => {
  await cache.close();
  await server.stop();
});

function refused(code: string, text = ""): unknown {
  return expect.objectContaining({ code, message: expect.stringContaining(text) });
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

describe("a value", () => {
  it("of JSON or bytes comes back equal", async () => {
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.jsonValue(), fc.uint8Array()), async (value) => {
        const ref = await cache.put("app", "values", value);
        expect(await cache.get(ref)).toEqual(value);
      }),
      { numRuns: 50 },
    );
  });

  it("is put under a session, a prefix or a key", async () => {
    const first = await cache.put("app", "names", 1);
    const second = await cache.put("app/names", 2);
    const third = await cache.put("app/names/third", 3);
    expect(first.key).toMatch(/^app\/names\/[0-9a-f-]{36}$/);
    expect(second.key).toMatch(/^app\/names\/[0-9a-f-]{36}$/);
    expect(third).toEqual({ endpoint: server.endpoint, key: "app/names/third", version: 1 });
  });

  it("is named by its reference, the bytes of it, or its key", async () => {
    const ref = await cache.put("app/names/forms", "value");
    expect(await cache.get(ref)).toBe("value");
    expect(await cache.get(encodeObjectRef(ref))).toBe("value");
    expect(await cache.get("app/names/forms")).toBe("value");
  });

  it("is replaced by an update, which has the next version", async () => {
    const ref = await cache.put("app", "updates", { step: 1 });
    const next = await cache.update(ref, { step: 2 });
    expect(next).toEqual({ ...ref, version: 2 });
    expect(await cache.get(ref)).toEqual({ step: 2 });
  });

  it("that is missing is OBJECT_NOT_FOUND", async () => {
    await expect(cache.get("app/values/missing")).rejects.toThrow(refused("OBJECT_NOT_FOUND"));
    await expect(cache.stat("app/values/missing")).rejects.toThrow(refused("OBJECT_NOT_FOUND"));
    await expect(cache.patch("app/values/missing", 1)).rejects.toThrow(refused("OBJECT_NOT_FOUND"));
  });

  it.each([
    ["app", ".hidden", 1],
    ["app/a/b/c", 1],
    ["app/", 1],
  ] as const)("under a wrong name is refused before a call: %j", async (...given) => {
    const put = cache.put as (...all: readonly unknown[]) => Promise<unknown>;
    await expect(put.apply(cache, given)).rejects.toThrow(refused("INVALID_KEY"));
  });

  it("that has no form is refused with its place", async () => {
    await expect(cache.put("app", "values", { a: [1n] })).rejects.toThrow(
      refused("INVALID_VALUE", "value.a[0] is a bigint"),
    );
    await expect(cache.put("app", "values", undefined)).rejects.toThrow(refused("INVALID_VALUE"));
  });

  it("that Python pickled is refused by its tag, and its bytes can be had", async () => {
    const ref = await server.client.put(valuePut(pathDescriptor("app/values/pickle"), "FLM\x00pickled"));
    await expect(cache.get(ref)).rejects.toThrow(refused("UNREADABLE_VALUE", "FLM\\x00 (cloudpickle)"));
    expect(Buffer.from(await cache.getBytes(ref)).toString()).toBe("FLM\x00pickled");
  });

  it("without a tag is refused, and its bytes can be had", async () => {
    const ref = await server.client.put(valuePut(pathDescriptor("app/values/raw"), "raw"));
    await expect(cache.get(ref)).rejects.toThrow(refused("UNREADABLE_VALUE", "no type tag"));
    expect(Buffer.from(await cache.getBytes(ref)).toString()).toBe("raw");
  });

  it("of bytes is given without its tag by getBytes, and a table is not", async () => {
    const ref = await cache.put("app", "values", Uint8Array.of(1, 2));
    expect(await cache.getBytes(ref)).toEqual(Uint8Array.of(1, 2));
    const table = await cache.put("app", "values", tableFromArrays({ x: Int32Array.of(1) }));
    await expect(cache.getBytes(table)).rejects.toThrow(refused("UNREADABLE_VALUE"));
  });
});

describe("patches", () => {
  it("are left out without a merge function, and given to one in order", async () => {
    const ref = await cache.put("app", "patches", { sum: 1 });
    await cache.patch(ref, 10);
    const last = await cache.patch(ref, 100);
    expect(last.version).toBe(3);
    expect(await cache.get(ref)).toEqual({ sum: 1 });
    const merge = (base: { sum: number }, patches: number[]): number[] => [base.sum, ...patches];
    expect(await cache.get(ref, { merge })).toEqual([1, 10, 100]);
  });

  it("may be none for a merge function", async () => {
    const ref = await cache.put("app", "patches", "base");
    const merge = async (base: string, patches: unknown[]) => `${base} ${patches.length}`;
    expect(await cache.get(ref, { merge })).toBe("base 0");
  });

  it("are dropped by an update", async () => {
    const ref = await cache.put("app", "patches", 1);
    await cache.patch(ref, 2);
    await cache.update(ref, 3);
    expect(await cache.get(ref, { merge: (base, patches) => [base, patches] })).toEqual([3, []]);
  });

  it("of another kind than the object are refused", async () => {
    const ref = await cache.put("app", "patches", 1);
    const table = tableFromArrays({ x: Int32Array.of(1) });
    await expect(cache.patch(ref, table)).rejects.toThrow(refused("INVALID_REQUEST"));
  });
});

describe("what there is", () => {
  it("is listed with kind, size and version", async () => {
    const ref = await cache.put("listed/session/value", Buffer.from("12345"));
    await cache.update(ref, Buffer.from("123456"));
    await cache.put("listed/session/table", tableFromArrays({ x: Int32Array.of(1, 2) }));
    const found = (await all(cache.list("listed/session"))).sort((a, b) => (a.key < b.key ? -1 : 1));
    expect(found).toEqual<ObjectInfo[]>([
      {
        ref: { endpoint: server.endpoint, key: "listed/session/table", version: 1 },
        key: "listed/session/table",
        version: 1,
        sizeBytes: 8,
        rows: 2,
        kind: "table",
        expiresAt: undefined,
      },
      {
        ref: { ...ref, version: 2 },
        key: "listed/session/value",
        version: 2,
        sizeBytes: 10,
        rows: 1,
        kind: "opaque",
        expiresAt: undefined,
      },
    ]);
    expect((await all(cache.list())).length).toBeGreaterThan(found.length);
    expect(await cache.stat(ref)).toEqual(found[1]);
    expect(await cache.stat("listed/session/table")).toEqual(found[0]);
  });

  it("can be left in the middle of a list", async () => {
    for (const _ of [1, 2, 3]) await cache.put("listed/many", 1);
    for await (const { key } of cache.list("listed/many")) {
      expect(key).toMatch(/^listed\/many\//);
      break;
    }
    expect(await all(cache.list("listed/many"))).toHaveLength(3);
  });

  it("is deleted by key, reference, session or application", async () => {
    const one = await cache.put("deleted/a/1", 1);
    await cache.put("deleted/a/2", 2);
    await cache.put("deleted/b/3", 3);
    await cache.put("deleted/c/4", 4);
    const keys = async () => (await all(cache.list("deleted"))).map(({ key }) => key).sort();
    await cache.delete(one);
    expect(await keys()).toEqual(["deleted/a/2", "deleted/b/3", "deleted/c/4"]);
    await cache.delete("deleted/b/3");
    await cache.delete("deleted/a");
    expect(await keys()).toEqual(["deleted/c/4"]);
    await cache.delete("deleted/*");
    await cache.delete("deleted/*");
    expect(await keys()).toEqual([]);
  });
});

describe("an operation", () => {
  it("ends with CANCELLED and the signal's reason", async () => {
    const reason = new Error("enough");
    const signal = AbortSignal.abort(reason);
    const error = await cache.get("app/values/any", { signal }).catch((thrown: unknown) => thrown);
    expect(isCacheError(error, "CANCELLED")).toBe(true);
    expect((error as Error).cause).toBe(reason);
    await expect(cache.put("app", "values", 1, { signal })).rejects.toThrow(refused("CANCELLED"));
  });

  it("after close ends with CANCELLED", async () => {
    await using closed = await FlameCache.connect({ endpoint: server.endpoint, env: ENV });
    const ref = await closed.put("app", "values", 1);
    await closed.close();
    await expect(closed.get(ref)).rejects.toThrow(refused("CANCELLED"));
  });

  it("dials the endpoint of the reference, not its own", async () => {
    const other = await startInProcess();
    await using elsewhere = await FlameCache.connect({ endpoint: other.endpoint, env: ENV });
    const ref = await cache.put("app", "values", "here");
    expect(await elsewhere.get(ref)).toBe("here");
    expect((await elsewhere.update(ref, "there")).endpoint).toBe(server.endpoint);
    await expect(elsewhere.get(ref.key)).rejects.toThrow(refused("OBJECT_NOT_FOUND"));
    await other.stop();
  });
});

describe("IPC bytes", () => {
  it("are a table that needs no library", async () => {
    const { tableToIPC } = await import("apache-arrow");
    const bytes = tableToIPC(tableFromArrays({ x: Int32Array.of(1, 2) }), "file");
    const ref = await cache.put("app", "tables", new IpcTable(bytes));
    const back = await cache.get<IpcTable>(ref, { tables: "ipc" });
    expect(back).toBeInstanceOf(IpcTable);
    expect((await cache.get<{ numRows: number }>(ref)).numRows).toBe(2);
    expect(
      await cache.get<IpcTable>(await cache.put("app", "tables", back), { tables: "ipc" }),
    ).toMatchObject({
      sizeBytes: expect.any(Number),
    });
  });
});
