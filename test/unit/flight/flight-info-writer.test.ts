/**
 * FlightInfos of a list and the references in them: byte for byte what the generated code and BSON make.
 */
import { describe, expect, it } from "vitest";
import { FlightInfoWriter } from "../../../src/flight/flight-info-writer.ts";
import { encodeFlightInfo } from "../../../src/flight/messages.ts";
import { encodeObjectRef, ObjectRefWriter } from "../../../src/object/object-ref.ts";
import { Random } from "../../support/random.ts";

const NUMBERS = [0, 1, 127, 128, 2 ** 31, 2 ** 32, 2 ** 32 + 1, Number.MAX_SAFE_INTEGER];
const SIZES = [0, 1, 127, 128, 300, 20_000];

describe("a FlightInfo of a list", () => {
  it.each([
    { locations: ["grpc://127.0.0.1:9090"] },
    { locations: [] },
    { locations: ["grpc://a:1", `file://${"x".repeat(200)}`] },
    { locations: ["grpc://b:1", "grpc://a:1"], expirationTime: new Date("2200-01-01T00:00:00Z") },
  ])("is what the generated code makes, with locations $locations", ({ locations, ...expiry }) => {
    const writer = new FlightInfoWriter(expiry.expirationTime);
    const random = new Random(7);
    for (let round = 0; round < 300; round += 1) {
      const path = `app/session/é${"x".repeat(random.below(200))}`;
      const [totalRecords, totalBytes] = [random.pick(NUMBERS), random.pick(NUMBERS)];
      const [schema, ticket] = [random.bytes(random.pick(SIZES)), random.bytes(random.pick(SIZES))];
      const facts = { schema, totalRecords, totalBytes, appMetadata: random.bytes(random.pick(SIZES)) };
      const descriptor = { kind: "path", path: [path] } as const;
      const wanted = encodeFlightInfo({
        ...facts,
        descriptor,
        endpoints: [{ ticket, locations, ...expiry }],
      });
      const written = writer.write({ ...facts, path: Buffer.from(path), ticket, locations });
      expect(written.equals(wanted)).toBe(true);
    }
  });

  it("stays what it is when others follow", () => {
    const writer = new FlightInfoWriter();
    const flight = {
      schema: Buffer.alloc(0),
      ticket: Buffer.alloc(0),
      locations: [],
      totalRecords: 1,
      totalBytes: 1,
    };
    const paths = Array.from({ length: 1_000 }, (_, nth) => Buffer.from(`app/session/${nth}`));
    const infos = paths.map((path) => writer.write({ ...flight, path, appMetadata: Buffer.alloc(300, 7) }));
    for (const [nth, info] of infos.entries()) expect(info.includes(paths[nth]!)).toBe(true);
  });

  it("refuses numbers that are none", () => {
    const nothing = new Uint8Array(0);
    const bytes = { schema: nothing, path: nothing, ticket: nothing, appMetadata: nothing };
    const flight = { ...bytes, locations: [] };
    const writer = new FlightInfoWriter();
    expect(() => writer.write({ ...flight, totalRecords: -1, totalBytes: 0 })).toThrow(/whole number/);
    expect(() => writer.write({ ...flight, totalRecords: 0, totalBytes: 2 ** 53 })).toThrow(/whole number/);
  });
});

describe("a reference of a list", () => {
  it.each(NUMBERS)("is the document that BSON makes, in version %d", (version) => {
    for (const key of ["app/session/object", "é/ü/日本", "a".repeat(602)]) {
      const endpoint = "grpc://127.0.0.1:9090";
      const wanted = encodeObjectRef({ endpoint, key, version });
      const refs = new ObjectRefWriter(endpoint);
      expect(refs.write(Buffer.from(key), version).equals(wanted)).toBe(true);
      for (const scratch of [Buffer.alloc(2_000, 1), Buffer.alloc(9)])
        expect(refs.write(Buffer.from(key), version, scratch).equals(wanted)).toBe(true);
    }
  });
});
