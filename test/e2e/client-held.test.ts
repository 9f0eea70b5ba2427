import { type Table, tableFromArrays } from "apache-arrow";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { FlameCache, type FlameCacheOptions } from "../../src/client/index.ts";
import { CountingProxy } from "../support/counting-proxy.ts";
import { pathDescriptor, valuePut } from "../support/flight-messages.ts";
import { type InProcessServer, startInProcess } from "../support/in-process-server.ts";

const LARGE = 512 * 1024;
/** What an answer without a body takes, headers of the first call included. */
const SMALL = 4096;
const KEY = "app/held/object";

let server: InProcessServer;
let proxy: CountingProxy;
let cache: FlameCache;

async function connect(options: FlameCacheOptions = {}): Promise<FlameCache> {
  const env = { FLAME_HOME: "/nonexistent", HOME: "/nonexistent" };
  return await FlameCache.connect({ endpoint: proxy.endpoint, env, zeroCopy: false, ...options });
}

beforeEach(async () => {
  server = await startInProcess();
  proxy = await CountingProxy.start(server.endpoint);
  cache = await connect();
});

afterEach(async () => {
  await cache.close();
  await proxy.stop();
  await server.stop();
});

/** What the server sent while something was done. */
async function bytesOf<T>(work: () => Promise<T>): Promise<{ value: T; bytes: number }> {
  const before = proxy.receivedBytes;
  const value = await work();
  return { value, bytes: proxy.receivedBytes - before };
}

/** Cheaper to compare than arrays. */
function text(value: unknown): string {
  return value instanceof Uint8Array ? Buffer.from(value).toString("latin1") : JSON.stringify(value);
}

const all = (base: string, patches: string[]): string[] => [base, ...patches];

describe("an object that was got before", () => {
  it.each([
    ["bytes", Buffer.alloc(LARGE, "some bytes")],
    ["JSON", { text: "x".repeat(LARGE) }],
  ])("is not sent again while it is current: %s", async (_, value) => {
    await cache.put(KEY, value);
    const first = await bytesOf(() => cache.get<typeof value>(KEY));
    const second = await bytesOf(() => cache.get<typeof value>(KEY));
    expect([first, second].map((got) => text(got.value))).toEqual([text(value), text(value)]);
    expect(first.bytes).toBeGreaterThan(LARGE);
    expect(second.bytes).toBeLessThan(SMALL);
  });

  it("is not sent again when it is a table", async () => {
    await cache.put(KEY, tableFromArrays({ x: new Int32Array(LARGE / 4).fill(7) }));
    const first = await bytesOf(() => cache.get<Table>(KEY));
    const second = await bytesOf(() => cache.get<Table>(KEY));
    expect([first.value.numRows, second.value.numRows]).toEqual([LARGE / 4, LARGE / 4]);
    expect(first.bytes).toBeGreaterThan(LARGE);
    expect(second.bytes).toBeLessThan(SMALL);
  });

  it("is sent again when it was replaced", async () => {
    const ref = await cache.put(KEY, new Uint8Array(LARGE));
    await cache.get(KEY);
    await server.client.get(KEY);
    await cache.update({ ...ref, endpoint: proxy.endpoint }, new Uint8Array(LARGE).fill(1));
    const { value, bytes } = await bytesOf(() => cache.get<Uint8Array>(KEY));
    expect(value[0]).toBe(1);
    expect(bytes).toBeGreaterThan(LARGE);
  });

  it("is sent only the patches that are missing", async () => {
    await cache.put(KEY, "x".repeat(LARGE));
    await cache.patch(KEY, "one");
    expect((await cache.get(KEY, { merge: all })).slice(1)).toEqual(["one"]);
    await cache.patch(KEY, "two");
    await cache.patch(KEY, "three");
    const { value, bytes } = await bytesOf(() => cache.get(KEY, { merge: all }));
    expect(value.map((part) => part.length)).toEqual([LARGE, 3, 3, 5]);
    expect(bytes).toBeLessThan(SMALL);
    const again = await bytesOf(() => cache.get(KEY, { merge: all }));
    expect(again.value.slice(1)).toEqual(["one", "two", "three"]);
    expect(again.bytes).toBeLessThan(SMALL);
  });

  it("comes with the rows of its patches when it is a table", async () => {
    await cache.put(KEY, tableFromArrays({ x: Int32Array.of(1) }));
    expect((await cache.get<Table>(KEY)).numRows).toBe(1);
    await cache.patch(KEY, tableFromArrays({ x: Int32Array.of(2, 3) }));
    const merge = (table: Table, patches: unknown[]) => [table.getChildAt(0)?.toArray(), patches];
    expect(await cache.get(KEY, { merge })).toEqual([Int32Array.of(1, 2, 3), []]);
  });

  it("is gone for everybody when it was deleted, and new when it was put again", async () => {
    await cache.put(KEY, "old");
    await cache.get(KEY);
    await cache.delete(KEY);
    await expect(cache.get(KEY)).rejects.toThrow(expect.objectContaining({ code: "OBJECT_NOT_FOUND" }));
    await cache.put(KEY, "new");
    expect(await cache.get(KEY)).toBe("new");
  });

  it("is sent again by a server that was started anew, whose versions begin again", async () => {
    await cache.put(KEY, "before");
    expect(await cache.get(KEY)).toBe("before");
    const fresh = await startInProcess();
    const { version } = await fresh.client.put(valuePut(pathDescriptor(KEY), 'FLM\x05"after"'));
    expect(version).toBe(1);
    await proxy.pointAt(fresh.endpoint);
    expect(await cache.get(KEY)).toBe("after");
    await fresh.stop();
  });

  it("is the same for gets at the same time", async () => {
    await cache.put(KEY, { n: 1 });
    const values = await Promise.all(Array.from({ length: 20 }, () => cache.get(KEY)));
    expect(values).toEqual(values.map(() => ({ n: 1 })));
  });
});

describe("a value that its receiver changes", () => {
  it("of bytes is whole again for the next", async () => {
    await cache.put(KEY, Uint8Array.of(1, 2, 3));
    for (const _ of [1, 2, 3]) {
      const value = await cache.get<Uint8Array>(KEY);
      expect(value).toEqual(Uint8Array.of(1, 2, 3));
      value.fill(9);
      (await cache.getBytes(KEY)).fill(8);
    }
  });

  it("of JSON is whole again for the next", async () => {
    await cache.put(KEY, { list: [1] });
    for (const _ of [1, 2]) {
      const value = await cache.get<{ list: number[] }>(KEY);
      expect(value).toEqual({ list: [1] });
      value.list.push(2);
    }
  });

  it.each(["arrow", "flechette"] as const)("of a table is whole again for the next: %s", async (tables) => {
    await cache.put(KEY, tableFromArrays({ x: Int32Array.of(1, 2) }));
    for (const _ of [1, 2]) {
      const table = await cache.get<Table>(KEY, { tables });
      const column = table.getChild("x")?.toArray() as Int32Array;
      expect(column).toEqual(Int32Array.of(1, 2));
      column.fill(9);
    }
  });
});

describe("the bytes a client holds", () => {
  it("may be none", async () => {
    await using holdsNothing = await connect({ cacheBytesMax: 0 });
    await holdsNothing.put(KEY, new Uint8Array(LARGE));
    for (const _ of [1, 2]) {
      expect((await bytesOf(() => holdsNothing.get(KEY))).bytes).toBeGreaterThan(LARGE);
    }
  });

  it("are bounded: what was used longest ago is sent again", async () => {
    await using holdsTwo = await connect({ cacheBytesMax: 2.5 * LARGE });
    const keys = ["app/held/a", "app/held/b", "app/held/c"];
    for (const key of keys) await holdsTwo.put(key, new Uint8Array(LARGE));
    for (const key of keys) await holdsTwo.get(key);
    expect((await bytesOf(() => holdsTwo.get("app/held/c"))).bytes).toBeLessThan(SMALL);
    expect((await bytesOf(() => holdsTwo.get("app/held/b"))).bytes).toBeLessThan(SMALL);
    expect((await bytesOf(() => holdsTwo.get("app/held/a"))).bytes).toBeGreaterThan(LARGE);
  });
});

describe("a call that fails", () => {
  it("is made again when it only reads and the connection broke", async () => {
    await cache.put(KEY, "kept");
    await using fresh = await connect();
    proxy.refusals = 2;
    expect(await fresh.get(KEY)).toBe("kept");
    proxy.refusals = 1;
    expect((await fresh.stat(KEY)).version).toBe(1);
    await proxy.cut();
    proxy.refusals = 1;
    const keys: string[] = [];
    for await (const { key } of fresh.list("app/held")) keys.push(key);
    expect(keys).toEqual([KEY]);
  });

  it("is given up after a few times", async () => {
    proxy.refusals = Number.POSITIVE_INFINITY;
    const before = proxy.connections;
    await expect(cache.get(KEY)).rejects.toThrow(expect.objectContaining({ code: "UNREACHABLE" }));
    expect(proxy.connections - before).toBe(5);
  });

  it("is not made again when it writes and the server may have heard of it", async () => {
    proxy.refusals = 1;
    const before = proxy.connections;
    await expect(cache.put("app/held", 1)).rejects.toThrow(expect.objectContaining({ code: "UNREACHABLE" }));
    expect(proxy.connections - before).toBe(1);
    expect(await server.client.keys("app/held")).toEqual([]);
  });

  it("is not made again when the error is for good", async () => {
    await cache.put(KEY, 1);
    const before = proxy.receivedBytes;
    await expect(cache.get("app/held/missing")).rejects.toThrow(
      expect.objectContaining({ code: "OBJECT_NOT_FOUND" }),
    );
    expect(proxy.receivedBytes - before).toBeLessThan(SMALL);
  });

  it("ends with its deadline, repetitions included", async () => {
    proxy.refusals = Number.POSITIVE_INFINITY;
    const error = await cache.get(KEY, { timeoutMs: 30 }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: expect.stringMatching(/^(UNREACHABLE|DEADLINE_EXCEEDED)$/) });
    expect(proxy.connections).toBeLessThan(5);
  });

  it("is not waited for once its signal is aborted", async () => {
    proxy.refusals = Number.POSITIVE_INFINITY;
    const controller = new AbortController();
    const got = cache.get(KEY, { signal: controller.signal });
    controller.abort(new Error("enough"));
    await expect(got).rejects.toThrow(expect.objectContaining({ code: "CANCELLED" }));
  });
});
