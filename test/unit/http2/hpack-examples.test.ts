/**
 * The worked examples of RFC 7541, appendix C: bytes, and what they say.
 *
 * The blocks of one section come one after the other on one connection, so that later ones refer to earlier ones; those
 * of responses with a table of 256 bytes, out of which fields are driven.
 */
import { describe, expect, it } from "vitest";
import { HpackDecoder } from "../../../src/http2/hpack-decoder.ts";

const LIMITS = { tableBytesMax: 4096, listBytesMax: 65_536 };
const TABLE_OF_256_BYTES = "3fe101";

const REQUESTS = [
  { ":method": "GET", ":scheme": "http", ":path": "/", ":authority": "www.example.com" },
  {
    ":method": "GET",
    ":scheme": "http",
    ":path": "/",
    ":authority": "www.example.com",
    "cache-control": "no-cache",
  },
  {
    ":method": "GET",
    ":scheme": "https",
    ":path": "/index.html",
    ":authority": "www.example.com",
    "custom-key": "custom-value",
  },
];

const REDIRECT = {
  "cache-control": "private",
  date: "Mon, 21 Oct 2013 20:13:21 GMT",
  location: "https://www.example.com",
};
const RESPONSES = [
  { ":status": "302", ...REDIRECT },
  { ":status": "307", ...REDIRECT },
  {
    ":status": "200",
    "cache-control": "private",
    date: "Mon, 21 Oct 2013 20:13:22 GMT",
    location: "https://www.example.com",
    "content-encoding": "gzip",
    "set-cookie": "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1",
  },
];

function decodeAll(blocks: readonly string[]): unknown[] {
  const decoder = new HpackDecoder(LIMITS);
  return blocks.map((hex) =>
    Object.fromEntries(decoder.decode(Buffer.from(hex.replaceAll(" ", ""), "hex"), "request").fields),
  );
}

describe("a field", () => {
  it.each([
    ["C.2.1", "400a637573746f6d2d6b65790d637573746f6d2d686561646572", { "custom-key": "custom-header" }],
    ["C.2.2", "040c2f73616d706c652f70617468", { ":path": "/sample/path" }],
    ["C.2.3", "100870617373776f726406736563726574", { password: "secret" }],
    ["C.2.4", "82", { ":method": "GET" }],
  ])("is read as in %s", (_, hex, fields) => {
    expect(decodeAll([hex])).toEqual([fields]);
  });
});

describe("blocks that follow each other", () => {
  it("are read as in C.3: requests in plain strings", () => {
    const blocks = [
      "828684410f7777772e6578616d706c652e636f6d",
      "828684be58086e6f2d6361636865",
      "828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565",
    ];
    expect(decodeAll(blocks)).toEqual(REQUESTS);
  });

  it("are read as in C.4: requests in Huffman code", () => {
    const blocks = [
      "828684418cf1e3c2e5f23a6ba0ab90f4ff",
      "828684be5886a8eb10649cbf",
      "828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf",
    ];
    expect(decodeAll(blocks)).toEqual(REQUESTS);
  });

  it("are read as in C.5: responses in plain strings, with a small table", () => {
    const blocks = [
      `${TABLE_OF_256_BYTES} 4803333032580770726976617465611d4d6f6e2c203231204f637420323031332032303a31333a323120474d54
       6e1768747470733a2f2f7777772e6578616d706c652e636f6d`,
      "4803333037c1c0bf",
      `88c1611d4d6f6e2c203231204f637420323031332032303a31333a323220474d54c05a04677a69707738666f6f3d4153444a4b48514b
       425a584f5157454f50495541585157454f49553b206d61782d6167653d333630303b2076657273696f6e3d31`,
    ];
    expect(decodeAll(blocks.map((hex) => hex.replaceAll(/\s/g, "")))).toEqual(RESPONSES);
  });

  it("are read as in C.6: responses in Huffman code, with a small table", () => {
    const blocks = [
      `${TABLE_OF_256_BYTES} 488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c7
       8f0b97c8e9ae82ae43d3`,
      "4883640effc1c0bf",
      `88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7821dd7f2e6c7b335dfdfcd5b3960d5af2708
       7f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007`,
    ];
    expect(decodeAll(blocks.map((hex) => hex.replaceAll(/\s/g, "")))).toEqual(RESPONSES);
  });
});
