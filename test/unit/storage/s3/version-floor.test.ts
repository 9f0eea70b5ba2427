import { describe, expect, it } from "vitest";
import { LIMITS } from "../../../../src/limits.ts";
import { decodeFloor, encodeFloor } from "../../../../src/storage/s3/version-floor.ts";
import { BucketReplica } from "../../../support/bucket-replica.ts";
import { Random } from "../../../support/random.ts";

describe("the version floor", () => {
  it("is 0 in an empty bucket, and below every new object", async () => {
    const replica = new BucketReplica();
    expect(await replica.run(replica.objects.floor.version())).toBe(0);
    await replica.run(replica.objects.floor.raise(41));
    expect(await replica.run(replica.put("x"))).toMatchObject({ version: 42 });
  });

  it("never falls, whoever raises it and whatever requests meet", async () => {
    const replica = new BucketReplica();
    const raises = Array.from({ length: 6 }, async (_, place) => {
      const { objects } = replica.beside({ share: 0.06, random: new Random(place) });
      for (let step = 0; step < 10; step += 1) {
        const version = step * 6 + place;
        expect(await objects.floor.raise(version)).toBeGreaterThanOrEqual(version);
      }
    });
    await replica.run(Promise.all(raises));
    expect(await replica.run(replica.objects.floor.version())).toBe(59);
  });

  it("is read again after a minute, by that clock of the replica which ran faster", async () => {
    const replica = new BucketReplica();
    const suspended = { wallAheadMs: 0 };
    const other = replica.beside({ clock: suspended });
    expect(await replica.run(other.objects.floor.version())).toBe(0);
    await replica.run(replica.objects.floor.raise(9));
    expect(await replica.run(other.objects.floor.version())).toBe(0);
    suspended.wallAheadMs = LIMITS.versionFloorTrustMs;
    expect(await replica.run(other.objects.floor.version())).toBe(9);
  });

  it("is one request for all who wait", async () => {
    const replica = new BucketReplica();
    const reads = () => Promise.all(Array.from({ length: 9 }, () => replica.objects.floor.version()));
    expect(await replica.costOf(reads)).toBe(1);
  });

  it("is refused if its bytes are not a floor", () => {
    const bytes = encodeFloor(LIMITS.versionMax);
    expect(decodeFloor(bytes)).toBe(LIMITS.versionMax);
    for (let bit = 0; bit < 8 * bytes.length; bit += 1) {
      const flipped = Buffer.from(bytes);
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      expect(() => decodeFloor(flipped)).toThrow("OBJECT_CORRUPT");
    }
    expect(() => decodeFloor(bytes.subarray(1))).toThrow("OBJECT_CORRUPT");
    for (const version of [-1, 0.5, LIMITS.versionMax + 1, Number.NaN]) {
      expect(() => decodeFloor(encodeFloor(version))).toThrow("OBJECT_CORRUPT");
    }
  });
});
