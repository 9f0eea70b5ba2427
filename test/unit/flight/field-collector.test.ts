import { describe, expect, it } from "vitest";
import { FieldCollector } from "../../../src/flight/field-collector.ts";
import { cut } from "./decode-flight-data.ts";

const SAMPLE = Buffer.from(Array.from({ length: 300_000 }, (_, index) => index % 251));

describe("FieldCollector", () => {
  it("hands on a value that comes in one piece as that piece", () => {
    const collector = new FieldCollector();
    collector.begin(SAMPLE.length);
    expect(collector.push(SAMPLE)).toBe(SAMPLE);
  });

  it.each([1, 7, 65_535, 65_536, 299_999])("joins pieces of %d bytes", (pieceSizeBytes) => {
    const collector = new FieldCollector();
    collector.begin(SAMPLE.length);
    const values = cut(SAMPLE, pieceSizeBytes).map((piece) => collector.push(piece));
    expect(values.slice(0, -1).every((value) => value === undefined)).toBe(true);
    expect(values.at(-1)?.equals(SAMPLE)).toBe(true);
  });

  it("starts afresh, also in the middle of a value", () => {
    const collector = new FieldCollector();
    collector.begin(10);
    collector.push(Buffer.from("abc"));
    collector.begin(2);
    collector.push(Buffer.from("x"));
    expect(collector.push(Buffer.from("y"))?.toString()).toBe("xy");
  });

  it("takes memory for what has come, not for what was announced", () => {
    const collector = new FieldCollector();
    const before = process.memoryUsage().arrayBuffers;
    collector.begin(1024 ** 3);
    collector.push(SAMPLE);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(8 * 1024 ** 2);
  });
});
