/**
 * Pins and leases as clients ask for them, over both engines.
 */

import { beforeEach, describe, expect, it } from "vitest";
import { FLIGHT_METHODS } from "../../../src/flight/methods.ts";
import { sweepNow } from "../../support/cache-over.ts";
import { pathDescriptor, valuePut } from "../../support/flight-messages.ts";
import { refused } from "../cache/cache-fixture.ts";
import { ENGINES, type RetentionBench, retentionBench, START_MS } from "./retention-bench.ts";

describe.each(ENGINES)("with storage %s", (_, directory) => {
  let bench: RetentionBench;

  beforeEach(async () => {
    bench = await retentionBench(directory());
  });

  it("a pinned object is not evicted, until it is unpinned", async () => {
    await bench.put("a/s/o", 10_000);
    expect(JSON.parse(String(await bench.act("PIN", "a/s/o")))).toEqual({ key: "a/s/o", until: null });
    await bench.flood();
    expect(await bench.isThere("a/s/o")).toBe(true);
    expect(String(await bench.act("UNPIN", "a/s/o"))).toBe("OK");
    await bench.flood();
    expect(await bench.isThere("a/s/o")).toBe(false);
    expect(bench.service.cache.counts.removals.evictedObjects).toBeGreaterThan(10);
  });

  it.each(["a/s", "a:s", "a/*"])("pinning %s keeps what is there and what comes later", async (name) => {
    await bench.put("a/s/before", 1000);
    await bench.act("PIN", name);
    await bench.put("a/s/later", 1000);
    await bench.flood();
    expect(await bench.isThere("a/s/before")).toBe(true);
    expect(await bench.isThere("a/s/later")).toBe(true);
    await bench.act("UNPIN", name);
    await bench.flood();
    expect(await bench.isThere("a/s/before")).toBe(false);
    expect(await bench.isThere("a/s/later")).toBe(false);
  });

  it("a lease ends by itself, and a longer pin is not made shorter by it", async () => {
    await bench.put("a/s/o", 1000);
    const lease = JSON.stringify({ key: "a/s/o", ttl_seconds: 60 });
    expect(JSON.parse(String(await bench.act("PIN", lease)))).toEqual({
      key: "a/s/o",
      until: new Date(START_MS + 60_000).toISOString(),
    });
    const shorter = JSON.stringify({ key: "a/s/o", ttl_seconds: 1 });
    expect(JSON.parse(String(await bench.act("PIN", shorter))).until).toBe(
      new Date(START_MS + 60_000).toISOString(),
    );
    bench.nowMs += 59_000;
    await bench.flood();
    expect(await bench.isThere("a/s/o")).toBe(true);
    bench.nowMs += 1000;
    await sweepNow(bench.service.cache);
    await bench.flood();
    expect(await bench.isThere("a/s/o")).toBe(false);
  });

  it("when pins fill the storage a put is refused, and the text says so", async () => {
    await bench.put("a/s/o", 60_000);
    await bench.act("PIN", "a/s/o");
    await expect(bench.put("a/s/p", 60_000)).rejects.toThrow(
      /^\[STORAGE_FULL\] .*pinned objects hold 6\d{4} of 100000/,
    );
    await bench.act("DELETE", "a/s/o");
    await bench.put("a/s/p", 60_000);
    // The pin went with its object: the next one of this key can be evicted.
    await bench.put("a/s/o", 1000);
    await bench.flood();
    expect(await bench.isThere("a/s/o")).toBe(false);
  });

  it.each([
    ["larger than all there is", 5_000_000],
    ["larger than what is not pinned", 60_000],
  ])("a put %s is refused at its head, before its bytes are taken", async (_what, sizeBytes) => {
    await bench.put("a/s/o", 60_000);
    await bench.act("PIN", "a/s/o");
    let takenBytes = 0;
    const onChunk = (bytes: number) => {
      takenBytes += bytes;
    };
    const manner = { chunkBytes: 1000, onChunk };
    const put = valuePut(pathDescriptor("a/s/p"), Buffer.alloc(sizeBytes));
    await expect(bench.service.call(FLIGHT_METHODS.DoPut.path, put, manner)).rejects.toEqual(
      refused("STORAGE_FULL"),
    );
    expect(takenBytes).toBeLessThan(3000);
    expect(await bench.isThere("a/s/o")).toBe(true);
  });

  it("a pin stays when its object is replaced and patched", async () => {
    await bench.put("a/s/o", 1000);
    await bench.act("PIN", "a/s/o");
    await bench.put("a/s/o", 2000);
    await bench.flood();
    expect(await bench.isThere("a/s/o")).toBe(true);
  });

  it("what is not there cannot be pinned, and what is no name is refused", async () => {
    await expect(bench.act("PIN", "a/s/o")).rejects.toEqual(refused("OBJECT_NOT_FOUND"));
    await expect(bench.act("PIN", "a")).rejects.toEqual(refused("INVALID_KEY"));
    await expect(bench.act("PIN", "{")).rejects.toEqual(refused("INVALID_REQUEST"));
    await expect(bench.act("PIN", '{"key":7}')).rejects.toEqual(refused("INVALID_REQUEST"));
    await expect(bench.act("PIN", '{"key":"a/s","ttl_seconds":-1}')).rejects.toEqual(
      refused("INVALID_REQUEST"),
    );
    await expect(bench.act("PIN", '{"key":"a/s","ttl_seconds":0}')).rejects.toEqual(
      refused("INVALID_REQUEST"),
    );
    await expect(bench.act("EXPIRE", '{"key":"a/s","ttl_seconds":1e300}')).rejects.toEqual(
      refused("INVALID_REQUEST"),
    );
    expect(String(await bench.act("UNPIN", "a/s/o"))).toBe("OK");
  });

  it("an object that begins with a brace is named by JSON", async () => {
    await bench.put("{a/s/o", 10);
    await expect(bench.act("PIN", "{a/s/o")).rejects.toEqual(refused("INVALID_REQUEST"));
    await bench.act("PIN", JSON.stringify({ key: "{a/s/o" }));
    await bench.flood();
    expect(await bench.isThere("{a/s/o")).toBe(true);
  });

  it("deleting a session ends its pin and its time to live, and those below it", async () => {
    await bench.put("a/s/o", 10);
    await bench.act("PIN", "a/s");
    await bench.act("PIN", "a/s/o");
    await bench.act("EXPIRE", JSON.stringify({ key: "a/s", ttl_seconds: 60 }));
    await bench.act("DELETE", "a/s");
    await bench.put("a/s/o", 10);
    expect(await bench.secondsLeft("a/s/o")).toBe(undefined);
    await bench.flood();
    expect(await bench.isThere("a/s/o")).toBe(false);
  });
});
