/**
 * Times to live as clients ask for them, over both engines and over restarts.
 */

import { beforeEach, describe, expect, it } from "vitest";
import {
  decodeCancelResult,
  decodeEndpoint,
  encodeCancelRequest,
  encodeRenewRequest,
} from "../../../src/flight/lifetime-messages.ts";
import { decodeObjectRef } from "../../../src/object/object-ref.ts";
import { sweepNow } from "../../support/cache-over.ts";
import { ownDirectory, refused } from "../cache/cache-fixture.ts";
import { ENGINES, type RetentionBench, retentionBench, START_MS } from "./retention-bench.ts";

describe.each(ENGINES)("with storage %s", (_, directory) => {
  let bench: RetentionBench;

  beforeEach(async () => {
    bench = await retentionBench(directory());
  });

  it("an object is served until its time and never after it", async () => {
    await bench.put("a/s/o", 10, "1.5");
    await bench.put("a/s/stays", 10);
    expect(await bench.secondsLeft("a/s/o")).toBe(1.5);
    expect(await bench.secondsLeft("a/s/stays")).toBe(undefined);
    bench.nowMs += 1499;
    expect(await bench.isThere("a/s/o")).toBe(true);
    bench.nowMs += 1;
    expect(await bench.isThere("a/s/o")).toBe(false);
    await expect(bench.info("a/s/o")).rejects.toEqual(refused("OBJECT_NOT_FOUND"));
    expect(await bench.list()).toEqual(["a/s/stays"]);
    await expect(bench.act("PIN", "a/s/o")).rejects.toEqual(refused("OBJECT_NOT_FOUND"));
    bench.nowMs += 1000;
    await sweepNow(bench.service.cache);
    expect(bench.service.cache.counts.objects).toBe(1);
    expect(bench.service.cache.counts.removals.expiredObjects).toBe(1);
  });

  it("an object that expired and is put again has a higher version", async () => {
    await bench.put("a/s/o", 10, "1");
    bench.nowMs += 5000;
    await bench.put("a/s/o", 10);
    bench.nowMs += 5000;
    await sweepNow(bench.service.cache);
    expect(await bench.isThere("a/s/o")).toBe(true);
    expect(decodeObjectRef((await bench.info("a/s/o")).appMetadata).version).toBe(2);
  });

  it.each(["-1", "x", "1e9", "", "99999999999", "1.2345"])(
    "a time to live of %j is refused",
    async (text) => {
      await expect(bench.put("a/s/o", 10, text)).rejects.toEqual(refused("INVALID_REQUEST"));
    },
  );

  it("a session's time to live holds for what is put later from its put, for what was there from now", async () => {
    await bench.put("a/s/before", 10);
    await bench.put("a/s/own", 10, "500");
    bench.nowMs += 10_000;
    await bench.act("EXPIRE", JSON.stringify({ key: "a/s", ttl_seconds: 60 }));
    await bench.act("EXPIRE", JSON.stringify({ key: "a/*", ttl_seconds: 7 }));
    bench.nowMs += 20_000;
    await bench.put("a/s/later", 10);
    await bench.put("a/s/endless", 10, "0");
    await bench.put("a/t/other", 10);
    expect(await bench.secondsLeft("a/s/before")).toBe(70);
    expect(await bench.secondsLeft("a/s/own")).toBe(500);
    expect(await bench.secondsLeft("a/s/later")).toBe(90);
    expect(await bench.secondsLeft("a/s/endless")).toBe(undefined);
    expect(await bench.secondsLeft("a/t/other")).toBe(37);
    bench.nowMs += 41_000;
    await sweepNow(bench.service.cache);
    expect(await bench.list()).toEqual(["a/s/endless", "a/s/later", "a/s/own"]);
    expect(bench.service.cache.counts.objects).toBe(3);
  });

  it("RenewFlightEndpoint gives an object its time again, or the later one it is asked for", async () => {
    await bench.put("a/s/o", 10, "60");
    const [endpoint] = (await bench.info("a/s/o")).endpoints;
    bench.nowMs += 50_000;
    const renewed = decodeEndpoint(await bench.act("RenewFlightEndpoint", encodeRenewRequest(endpoint!)));
    expect(renewed).toEqual({ ...endpoint, expirationTime: new Date(START_MS + 110_000) });
    expect(await bench.secondsLeft("a/s/o")).toBe(110);
    const later = { ...endpoint!, expirationTime: new Date(START_MS + 500_000) };
    await bench.act("RenewFlightEndpoint", encodeRenewRequest(later));
    expect(await bench.secondsLeft("a/s/o")).toBe(500);
    bench.nowMs += 449_999;
    expect(await bench.isThere("a/s/o")).toBe(true);
    bench.nowMs += 1;
    await expect(bench.act("RenewFlightEndpoint", encodeRenewRequest(endpoint!))).rejects.toEqual(
      refused("OBJECT_NOT_FOUND"),
    );
  });

  it("RenewFlightEndpoint leaves an object without end as it is", async () => {
    await bench.put("a/s/o", 10);
    const [endpoint] = (await bench.info("a/s/o")).endpoints;
    expect(decodeEndpoint(await bench.act("RenewFlightEndpoint", encodeRenewRequest(endpoint!)))).toEqual(
      endpoint,
    );
    await expect(bench.act("RenewFlightEndpoint", "")).rejects.toEqual(refused("INVALID_REQUEST"));
    await expect(bench.act("RenewFlightEndpoint", "\xff\xff")).rejects.toEqual(refused("INVALID_REQUEST"));
  });

  it("CancelFlightInfo drops what the flight stands for", async () => {
    await bench.put("a/s/o", 10);
    const info = await bench.info("a/s/o");
    expect(decodeCancelResult(await bench.act("CancelFlightInfo", encodeCancelRequest(info)))).toBe(
      "cancelled",
    );
    expect(await bench.isThere("a/s/o")).toBe(false);
    expect(decodeCancelResult(await bench.act("CancelFlightInfo", encodeCancelRequest(info)))).toBe(
      "notCancellable",
    );
  });
});

describe("over a restart with storage files", () => {
  it("pins, leases and all times to live are as they were", async () => {
    const bench = await retentionBench(ownDirectory());
    await bench.put("a/s/pinned", 1000);
    await bench.put("a/s/leased", 1000);
    await bench.put("a/s/ended", 1000);
    await bench.act("PIN", "a/s/pinned");
    await bench.act("PIN", JSON.stringify({ key: "a/s/leased", ttl_seconds: 1000 }));
    await bench.act("PIN", JSON.stringify({ key: "a/s/ended", ttl_seconds: 10 }));
    await bench.put("b/s/put", 10, "100");
    await bench.put("b/s/renewed", 10, "100");
    await bench.put("b/s/replaced", 10, "100");
    bench.nowMs += 50_000;
    await bench.act(
      "RenewFlightEndpoint",
      encodeRenewRequest((await bench.info("b/s/renewed")).endpoints[0]!),
    );
    await bench.act("EXPIRE", JSON.stringify({ key: "b/s/replaced", ttl_seconds: 900 }));
    await bench.put("b/s/replaced", 10);
    await bench.act("EXPIRE", JSON.stringify({ key: "c/s", ttl_seconds: 70 }));
    await bench.put("c/s/ruled", 10);
    await bench.put("c/s/endless", 10, "0");
    await bench.restart();
    // A list waits until the scan has seen all.
    expect(await bench.list()).toHaveLength(8);
    expect(await bench.secondsLeft("b/s/put")).toBe(100);
    expect(await bench.secondsLeft("b/s/renewed")).toBe(150);
    expect(await bench.secondsLeft("b/s/replaced")).toBe(undefined);
    expect(await bench.secondsLeft("c/s/ruled")).toBe(120);
    expect(await bench.secondsLeft("c/s/endless")).toBe(undefined);
    await bench.put("c/s/after", 10);
    expect(await bench.secondsLeft("c/s/after")).toBe(120);
    await bench.flood();
    expect(await bench.isThere("a/s/pinned")).toBe(true);
    expect(await bench.isThere("a/s/leased")).toBe(true);
    expect(await bench.isThere("a/s/ended")).toBe(false);
    bench.nowMs += 50_000;
    await bench.restart();
    expect(await bench.isThere("b/s/put")).toBe(false);
  });
});
