/**
 * HPACK against the peer that node:http2 is: what it encodes we decode, what we encode it decodes.
 *
 * Fields are random, and all blocks of a property go over one connection, so that the table changes from one to the next.
 */
import { once } from "node:events";
import { type ClientHttp2Session, connect } from "node:http2";
import fc from "fast-check";
import { describe, expect, it, onTestFinished } from "vitest";
import { HpackDecoder } from "../../../src/http2/hpack-decoder.ts";
import { encodeHeaderBlock } from "../../../src/http2/hpack-encoder.ts";
import { type RawHttp2Server, startRawHttp2Server } from "../../support/raw-http2-server.ts";

const LIST_BYTES_MAX = 10 ** 6;
const TABLE_SIZE_SETTING = 1;

/** Characters of a byte that a value may have, those of one byte in UTF-8 more often than others. */
const VALUE_CHARACTERS = Array.from({ length: 256 }, (_, i) => String.fromCharCode(i)).filter((each) =>
  /[\t\x20-\x7e\x80-\xff]/.test(each),
);
const value = fc
  .string({ unit: fc.constantFrom(...VALUE_CHARACTERS), maxLength: 80 })
  .map((text) => text.replaceAll(/^[ \t]+|[ \t]+$/g, ""));
const name = fc
  .string({
    unit: fc.constantFrom(..."!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"),
    maxLength: 20,
  })
  .map((text) => `x-${text}`);
/** Few names and values, so that they come again. */
const field = fc.tuple(
  fc.oneof(name, fc.constantFrom("x-a", "x-b", "user-agent", "accept-encoding")),
  fc.oneof(value, fc.constantFrom("one", "gzip, deflate", "x".repeat(300))),
);
const fields = fc.uniqueArray(field, { selector: ([name]) => name, maxLength: 12 });

function clientOf({ port }: RawHttp2Server): ClientHttp2Session {
  const session = connect(`http://127.0.0.1:${port}`);
  onTestFinished(() => session.destroy());
  return session;
}

describe("what node:http2 encodes", () => {
  it.each([4096, 0, 100, 65_536])("is decoded, with a table of %i bytes", async (tableBytesMax) => {
    const server = await startRawHttp2Server([TABLE_SIZE_SETTING, tableBytesMax]);
    const decoder = new HpackDecoder({ tableBytesMax, listBytesMax: LIST_BYTES_MAX });
    const session = clientOf(server);
    await once(session, "remoteSettings");
    await fc.assert(
      fc.asyncProperty(fields, async (sent) => {
        const headers = { ":method": "POST", ":path": "/test", ...Object.fromEntries(sent) };
        await once(session.request(headers, { endStream: true }), "response");
        const decoded = decoder.decode(server.blocks.at(-1)!, "request");
        const expected = { ...headers, ":scheme": "http", ":authority": `127.0.0.1:${server.port}` };
        expect(Object.fromEntries(decoded.fields)).toEqual(expected);
        expect(decoded.malformed).toBeUndefined();
      }),
      { numRuns: 200, seed: 7541 },
    );
  });

  it("is decoded also when it takes several frames", async () => {
    const server = await startRawHttp2Server();
    const session = clientOf(server);
    const large = { "x-large": "\u00ff".repeat(30_000) };
    await once(session.request({ ":path": "/", ...large }, { endStream: true }), "response");
    const decoder = new HpackDecoder({ tableBytesMax: 4096, listBytesMax: LIST_BYTES_MAX });
    expect(Object.fromEntries(decoder.decode(server.blocks[0]!, "request").fields)).toMatchObject(large);
  });
});

describe("what we encode", () => {
  it("is read by node:http2", async () => {
    const server = await startRawHttp2Server();
    const session = clientOf(server);
    await fc.assert(
      fc.asyncProperty(fields, async (sent) => {
        server.answer = encodeHeaderBlock([[":status", "200"], ...sent]);
        const [headers] = await once(session.request({ ":path": "/" }, { endStream: true }), "response");
        expect(Object.entries(headers)).toEqual([[":status", 200], ...sent]);
      }),
      { numRuns: 200, seed: 7541 },
    );
  });

  it("is decoded by us, in the same order, whatever is in it", () => {
    const anything = fc.string({ unit: fc.integer({ min: 0, max: 255 }).map((i) => String.fromCharCode(i)) });
    const lists = fc.uniqueArray(fc.tuple(anything, anything), { selector: ([name]) => name });
    const decoder = new HpackDecoder({ tableBytesMax: 4096, listBytesMax: LIST_BYTES_MAX });
    fc.assert(
      fc.property(lists, (sent) => {
        const decoded = decoder.decode(encodeHeaderBlock(sent), "trailers");
        expect([...decoded.fields]).toEqual(sent);
      }),
    );
  });

  it("names the whole field where every peer knows it, and else its name", () => {
    const block = encodeHeaderBlock([
      [":status", "200"],
      ["content-type", "application/grpc"],
      ["x", ""],
    ]);
    expect(block.toString("hex")).toBe(`880f1010${Buffer.from("application/grpc").toString("hex")}00017800`);
  });
});
