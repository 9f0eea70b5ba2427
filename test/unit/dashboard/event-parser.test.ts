/**
 * Server-sent events, as the dashboard reads them from fetch.
 */
import { describe, expect, it } from "vitest";
import { EventParser } from "../../../dashboard/src/api/event-parser.ts";

const STREAM =
  'event: stats\ndata: {"a":1}\n\n: comment\n\ndata: x\r\ndata: y\r\n\r\nevent: lost\ndata:2\n\n';
const EVENTS = [
  { name: "stats", data: '{"a":1}' },
  { name: "message", data: "x\ny" },
  { name: "lost", data: "2" },
];

describe("a stream of events", () => {
  it.each([1, 2, 3, 7, 1000])("is the same in chunks of %d characters", (size) => {
    const parser = new EventParser();
    const chunks = Array.from({ length: Math.ceil(STREAM.length / size) }, (_, index) =>
      STREAM.slice(index * size, (index + 1) * size),
    );
    expect(chunks.flatMap((chunk) => parser.push(chunk))).toEqual(EVENTS);
  });

  it("does not give an event before its empty line", () => {
    expect(new EventParser().push("event: stats\ndata: 1\n")).toEqual([]);
  });

  it("is refused if a line has no end", () => {
    const parser = new EventParser();
    const push = () => {
      for (let count = 0; count < 100; count += 1) parser.push("x".repeat(100_000));
    };
    expect(push).toThrow(RangeError);
  });

  it("is refused if an event has no end", () => {
    const parser = new EventParser();
    const push = () => {
      for (let count = 0; count < 100; count += 1) parser.push(`data: ${"x".repeat(100_000)}\n`);
    };
    expect(push).toThrow(RangeError);
  });
});
