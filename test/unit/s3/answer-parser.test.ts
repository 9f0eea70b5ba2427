/** Answers of HTTP/1.1, whole, in any pieces, cut, and malformed. */
import { describe, expect, it } from "vitest";
import { type AnswerHead, AnswerParser, MalformedAnswer } from "../../../src/s3/requests/answer-parser.ts";

const CHUNKED =
  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\nx: y\r\n\r\n";

/** text, status, body, and whether the connection stays open. */
const ANSWERS: readonly (readonly [string, string, number, string, boolean])[] = [
  ["of a length", 'HTTP/1.1 200 OK\r\nETag: "1"\r\nContent-Length: 5\r\n\r\nhello', 200, "hello", true],
  ["without a body", "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", 200, "", true],
  ["in chunks", CHUNKED, 200, "hello", true],
  ["not modified, with a length", "HTTP/1.1 304 \r\nContent-Length: 5\r\n\r\n", 304, "", true],
  ["without content", "HTTP/1.1 204 No Content\r\n\r\n", 204, "", true],
  [
    "after interim answers",
    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nx",
    200,
    "x",
    true,
  ],
  ["that closes", "HTTP/1.1 503 x\r\nConnection: Close\r\nContent-Length: 2\r\n\r\nno", 503, "no", false],
  ["of HTTP/1.0", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", 200, "ok", false],
];

interface Parsed {
  readonly parser: AnswerParser;
  readonly heads: AnswerHead[];
  readonly body: () => string;
}

function start(isHead = false): Parsed {
  const heads: AnswerHead[] = [];
  const chunks: Buffer[] = [];
  const parser = new AnswerParser((head) => {
    heads.push(head);
    return { take: (chunk) => chunks.push(Buffer.from(chunk)) };
  }, isHead);
  return { parser, heads, body: () => Buffer.concat(chunks).toString() };
}

function parse(...pieces: readonly string[]): Parsed {
  const parsed = start();
  for (const piece of pieces) parsed.parser.push(Buffer.from(piece, "latin1"));
  return parsed;
}

describe("an answer", () => {
  it.each(ANSWERS)("%s is read in any two pieces, and byte by byte", (_, text, status, body, keeps) => {
    const ways = Array.from(text, (__, at) => [text.slice(0, at), text.slice(at)]);
    for (const pieces of [[text], [...text], ...ways]) {
      const { parser, heads, body: read } = parse(...pieces);
      const found = [heads.map((head) => head.status), read(), parser.isComplete, parser.keepsConnection];
      expect(found).toEqual([[status], body, true, keeps]);
    }
  });

  it.each(ANSWERS)("%s is not complete at any byte before its end", (_, text) => {
    for (let length = 0; length < text.length; length += 1) {
      const { parser } = parse(text.slice(0, length));
      expect([length, parser.isComplete, parser.end()]).toEqual([length, false, false]);
    }
  });

  it.each(ANSWERS)("%s that is followed by bytes does not keep its connection", (_, text) => {
    const { parser } = parse(`${text}H`);
    expect([parser.isComplete, parser.keepsConnection]).toEqual([true, false]);
  });

  it("without a length ends with its connection", () => {
    const { parser, body } = parse("HTTP/1.1 200 OK\r\n\r\nhel", "lo");
    expect([parser.isComplete, parser.end(), parser.isComplete, parser.keepsConnection]).toEqual([
      false,
      true,
      true,
      false,
    ]);
    expect(body()).toBe("hello");
  });

  it("to HEAD has no body", () => {
    const { parser } = start(true);
    parser.push(Buffer.from("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"));
    expect([parser.isComplete, parser.keepsConnection]).toEqual([true, true]);
  });

  it("has its headers in lower case, and all values of a repeated one", () => {
    const { heads } = parse("HTTP/1.1 204 x\r\nA: 1\r\nB:2 \r\na: 3\r\n__proto__: x\r\nc:\r\n\r\n");
    expect({ ...heads[0]!.headers }).toEqual({ a: ["1", "3"], b: "2", ["__proto__"]: "x", c: "" });
  });
});

describe("bytes", () => {
  it.each([
    ["another protocol", "SSH-2.0-OpenSSH_9.2\r\n\r\n"],
    ["HTTP/2", "HTTP/2 200 OK\r\n\r\n"],
    ["a status of two digits", "HTTP/1.1 20 OK\r\n\r\n"],
    ["another protocol's switch", "HTTP/1.1 101 Switching Protocols\r\n\r\n"],
    ["interim answers without end", "HTTP/1.1 100 Continue\r\n\r\n".repeat(20)],
    ["a header without a colon", "HTTP/1.1 200 OK\r\nhello\r\n\r\n"],
    ["a header without a name", "HTTP/1.1 200 OK\r\n: x\r\n\r\n"],
    ["a space before the colon", "HTTP/1.1 200 OK\r\ncontent-length : 1\r\n\r\n"],
    ["a folded header", "HTTP/1.1 200 OK\r\na: b\r\n c\r\n\r\n"],
    ["a line end within a header", "HTTP/1.1 200 OK\r\na: b\nc: d\r\n\r\n"],
    ["two lengths", "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 1\r\n\r\n"],
    ["a list of lengths", "HTTP/1.1 200 OK\r\ncontent-length: 1, 1\r\n\r\n"],
    ["a negative length", "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n"],
    ["a length and chunks", "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n"],
    ["an unknown coding", "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n"],
    ["a chunk without a size", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n"],
    ["a chunk of a huge size", `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n${"f".repeat(20)}\r\n`],
    ["a chunk that is too long", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nxy\r\n"],
    ["a long head of a chunk", `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1;${"x".repeat(2000)}`],
    ["a long head", `HTTP/1.1 200 OK\r\nx: ${"y".repeat(20_000)}`],
    [
      "trailers without end",
      `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n${"a: b\r\n".repeat(4000)}`,
    ],
  ])("that are %s are malformed, in one piece and byte by byte", (_, text) => {
    expect(() => parse(text)).toThrow(MalformedAnswer);
    expect(() => parse(...text)).toThrow(MalformedAnswer);
  });
});
