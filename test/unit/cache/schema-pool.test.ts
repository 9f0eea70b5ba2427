/**
 * Schemas under numbers: one copy each, within a bound, and never another schema under a number that was given.
 */
import { describe, expect, it } from "vitest";
import { readFramedHeader } from "../../../src/arrow/encapsulated.ts";
import { LARGE_SCHEMA, NO_SCHEMA, SchemaPool } from "../../../src/cache/schema-pool.ts";
import { LIMITS } from "../../../src/limits.ts";
import { goldenSchemaHeader } from "../arrow/golden.ts";

const schema = (number: number): Buffer => Buffer.alloc(1000, `schema ${number}`);

/** Two texts of one CRC-32. */
const SAME_HASH = [Buffer.from("plumless"), Buffer.from("buckeroo")] as const;

describe("a pool of schemas", () => {
  it("has one copy of a schema, in memory of its own, and gives the same number again", () => {
    const pool = new SchemaPool();
    const given = schema(1);
    const number = pool.numberOf(given);
    expect(pool.numberOf(schema(2))).not.toBe(number);
    expect(pool.numberOf(schema(1))).toBe(number);
    given.fill(0);
    expect(pool.header(number)?.equals(schema(1))).toBe(true);
    expect(pool.header(NO_SCHEMA)).toBeUndefined();
  });

  it("gives a schema as a FlightInfo carries it", () => {
    const pool = new SchemaPool();
    const header = Buffer.from(goldenSchemaHeader("nested"));
    const encapsulated = pool.encapsulated(pool.numberOf(header))!;
    expect(encapsulated.length % 8).toBe(0);
    expect(header.equals(readFramedHeader(encapsulated, 0).header.subarray(0, header.length))).toBe(true);
  });

  it("tells two schemas of one CRC-32 apart", () => {
    const pool = new SchemaPool();
    const [first, second] = SAME_HASH.map((bytes) => pool.numberOf(bytes));
    expect(pool.header(first!)?.toString()).toBe("plumless");
    expect(pool.header(second!)?.toString()).toBe("buckeroo");
  });

  it("keeps no schema that is too large", () => {
    const pool = new SchemaPool();
    expect(pool.numberOf(Buffer.alloc(LIMITS.pooledSchemaBytesMax + 1))).toBe(LARGE_SCHEMA);
    expect(pool.encapsulated(LARGE_SCHEMA)).toBeUndefined();
    expect(pool.sizeBytes).toBe(0);
  });

  it("drops the oldest beyond its bound, whose number names nothing any more", () => {
    const probe = new SchemaPool();
    probe.numberOf(schema(0));
    const pool = new SchemaPool(3 * probe.sizeBytes);
    const numbers = [0, 1, 2, 3].map((each) => pool.numberOf(schema(each)));
    expect(numbers.map((number) => pool.header(number)?.toString("latin1", 0, 8))).toEqual([
      undefined,
      "schema 1",
      "schema 2",
      "schema 3",
    ]);
    expect(pool.sizeBytes).toBe(3 * probe.sizeBytes);
    expect(numbers).not.toContain(pool.numberOf(schema(0)));
  });
});
