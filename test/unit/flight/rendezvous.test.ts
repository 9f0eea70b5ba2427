import { describe, expect, it } from "vitest";
import { rendezvousOrder } from "../../../src/flight/rendezvous.ts";
import { endOf, NO_END, replicaList } from "../../../src/flight/replica-list.ts";

/** Also in test/sdk/python/groups/replicas.py. */
const GOLDEN = [
  ["grpc+tls://c:3", "grpc://a:1", "grpc://b:2"],
  ["grpc://a:1", "grpc+tls://c:3", "grpc://b:2"],
  ["grpc+tls://c:3", "grpc://a:1", "grpc://b:2"],
  ["grpc://a:1", "grpc+tls://c:3", "grpc://b:2"],
];

const KEYS = Array.from({ length: 20_000 }, (_, index) => `app/session/object-${index}`);

function replicas(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `grpc://10.0.0.${index + 1}:9090`);
}

function ownersOf(all: readonly string[]): string[] {
  return KEYS.map((key) => rendezvousOrder(all, key)[0]!);
}

function shares(owners: readonly string[], all: readonly string[]): number[] {
  return all.map((replica) => owners.filter((owner) => owner === replica).length / owners.length);
}

describe("the order of replicas for a key", () => {
  it.each([2, 3, 4, 7, 16])("gives each of %i replicas its share of the keys", (count) => {
    const all = replicas(count);
    for (const share of shares(ownersOf(all), all)) {
      expect(share * count).toBeGreaterThan(0.85);
      expect(share * count).toBeLessThan(1.15);
    }
  });

  it("shares the keys of a lost replica among all others, and moves no other key", () => {
    const all = replicas(5);
    const lost = all[2]!;
    const rest = all.filter((replica) => replica !== lost);
    const [before, after] = [ownersOf(all), ownersOf(rest)];
    const moved = KEYS.flatMap((_, index) => (before[index] === after[index] ? [] : [index]));
    expect(moved.every((index) => before[index] === lost)).toBe(true);
    const heirs = moved.map((index) => after[index]!);
    for (const share of shares(heirs, rest)) expect(Math.abs(share - 0.25)).toBeLessThan(0.05);
  });

  it("does not depend on the order in which they are known", () => {
    const all = replicas(6);
    for (const key of KEYS.slice(0, 100))
      expect(rendezvousOrder(all.toReversed(), key)).toEqual(rendezvousOrder(all, key));
  });

  it("is the same in every language", () => {
    const all = ["grpc://a:1", "grpc://b:2", "grpc+tls://c:3"];
    expect(["app/s/1", "app/s/5", "ä/日本/😀", "x/y/z"].map((key) => rendezvousOrder(all, key))).toEqual(
      GOLDEN,
    );
  });
});

describe("a list of replicas", () => {
  it("has a tag of its content, whatever its order", () => {
    expect(replicaList(["grpc://b:2", "grpc://a:1"])).toEqual(replicaList(["grpc://a:1", "grpc://b:2"]));
    expect(replicaList(["grpc://b:2", "grpc://a:1"])).toMatchObject({ text: "grpc://a:1 grpc://b:2" });
    expect(replicaList(["grpc://a:1"]).tag).toMatch(/^[0-9a-f]{8}$/);
  });
});

describe("the end of an object", () => {
  it("is unknown without an endpoint or a time, and never at the time that stands for no end", () => {
    const end = new Date("2030-01-01T00:00:00Z");
    expect([undefined, {}, { expirationTime: NO_END }, { expirationTime: end }].map(endOf)).toEqual([
      undefined,
      undefined,
      undefined,
      end,
    ]);
  });
});
