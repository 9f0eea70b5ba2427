import { describe, expect, it } from "vitest";
import { LIMITS } from "../../../../src/limits.ts";
import { BucketReplica, KEY } from "../../../support/bucket-replica.ts";
import { Random } from "../../../support/random.ts";

const NAME = "m/app/session/1";

async function withDamage(): Promise<BucketReplica> {
  const replica = new BucketReplica();
  await replica.run(replica.put("first"));
  await replica.run(replica.put("second"));
  replica.contents.put(NAME, Buffer.from("damaged"));
  return replica;
}

describe("a damaged manifest", () => {
  it("fails each call on its key, and stays", async () => {
    const replica = await withDamage();
    const calls = [
      () => replica.get(),
      () => replica.put("x"),
      () => replica.patch("+"),
      () => replica.delete(),
    ];
    for (const call of calls) await expect(replica.run<unknown>(call())).rejects.toThrow("OBJECT_CORRUPT");
    expect(replica.contents.objects.get(NAME)?.body.toString()).toBe("damaged");
  });

  it("is kept in quarantine, and its key starts again far above every version that it had", async () => {
    const replica = await withDamage();
    const other = replica.beside();
    expect(await replica.run(other.objects.quarantine(KEY))).toBe(true);
    expect(await replica.run(replica.get())).toBeUndefined();
    expect(await replica.run(replica.put("new"))).toMatchObject({ version: LIMITS.versionJumpOnLoss + 1 });
    const kept = [...replica.contents.objects].filter(([name]) => name.startsWith(`q/${NAME}/`));
    expect(kept.map(([, { body }]) => body.toString())).toEqual(["damaged"]);
  });

  it("is replaced once, whatever requests meet and however many replicas find it", async () => {
    for (let seed = 0; seed < 20; seed += 1) {
      const replica = await withDamage();
      const finders = [0, 1, 2].map((place) => {
        const finder = replica.beside({ share: 0.08, random: new Random(3 * seed + place) });
        return finder.objects.quarantine(KEY);
      });
      await replica.run(Promise.all(finders));
      expect(await replica.run(replica.put("new"))).toMatchObject({ version: LIMITS.versionJumpOnLoss + 1 });
    }
  });

  it("that somebody repaired is left alone, as is a key without one", async () => {
    const replica = new BucketReplica();
    expect(await replica.run(replica.objects.quarantine(KEY))).toBe(false);
    await replica.run(replica.put("x"));
    expect(await replica.run(replica.beside().objects.quarantine(KEY))).toBe(false);
    expect(await replica.run(replica.get())).toEqual(["x"]);
  });
});
