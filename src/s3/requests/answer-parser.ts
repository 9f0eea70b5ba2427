/**
 * Parses one answer of HTTP/1.1 as it arrives: its head, bounded, and a body of a given length, in
 * chunks, or up to the end of the connection.
 *
 * Strict: what could be read in two ways is malformed. Interim answers (1xx) are skipped, trailers
 * dropped. The body goes to the sink that the head opens, as views of what arrived.
 * Source: RFC 9112. Why not node:http: docs/decisions/0023-requests-over-connections-of-our-own.md.
 */
import { LIMITS } from "../../limits.ts";

export interface AnswerHead {
  readonly status: number;
  /** Names in lower case. A header that is repeated has several values. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/** Takes the body of an answer as it arrives. An error that it throws ends the exchange. */
export interface BodySink {
  take(chunk: Buffer): void;
}

/** The bytes are not an answer of HTTP/1.1. */
export class MalformedAnswer extends Error {
  override readonly name = "MalformedAnswer";
}

type State = "head" | "sized" | "to the end" | "chunk head" | "chunk" | "chunk end" | "trailers" | "complete";

const NOTHING = Buffer.alloc(0);
const STATUS_LINE = /^HTTP\/1\.([01]) ([1-5]\d\d)(?: |$)/;
const NAME = /^[!#$%&'*+.^_`|~\w-]+$/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: that is what it looks for.
const CONTROL = /[\x00-\x08\x0a-\x1f\x7f]/;
const CHUNK_HEAD = /^([0-9A-Fa-f]{1,8})[ \t]*(?:;.*)?$/;
const CHUNK_HEAD_BYTES_MAX = 1024;
const INTERIM_MAX = 8;

export class AnswerParser {
  readonly #openSink: (head: AnswerHead) => BodySink;
  readonly #isHead: boolean;
  #state: State = "head";
  /** The beginning of a line or a head. */
  #held: Buffer = NOTHING;
  #sink!: BodySink;
  #left = 0;
  #interims = 0;
  #trailerBytes = 0;
  #keeps = false;
  head: AnswerHead | undefined;

  /** @param isHead true if the answer to the method has no body */
  constructor(openSink: (head: AnswerHead) => BodySink, isHead: boolean) {
    this.#openSink = openSink;
    this.#isHead = isHead;
  }

  get isComplete(): boolean {
    return this.#state === "complete";
  }

  /** True if the connection is open for another request after a complete answer. */
  get keepsConnection(): boolean {
    return this.#keeps && this.#held.length === 0;
  }

  /** @throws {MalformedAnswer}; also the errors of the sink */
  push(chunk: Buffer): void {
    let bytes = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    this.#held = NOTHING;
    while (bytes.length > 0) {
      const used = this.#step(bytes);
      if (used === 0) {
        this.#held = bytes;
        return;
      }
      bytes = bytes.subarray(used);
    }
  }

  /** The connection has ended. @returns whether the answer is complete */
  end(): boolean {
    if (this.#state === "to the end") this.#state = "complete";
    return this.isComplete;
  }

  /** @returns the bytes that it used; 0 if it needs more, or if bytes follow the answer */
  #step(bytes: Buffer): number {
    switch (this.#state) {
      case "head":
        return this.#takeHead(bytes);
      case "sized":
        return this.#takeBody(bytes, "complete");
      case "to the end":
        this.#sink.take(bytes);
        return bytes.length;
      case "chunk head":
        return this.#takeLine(bytes, CHUNK_HEAD_BYTES_MAX, (line) => this.#beginChunk(line));
      case "chunk":
        return this.#takeBody(bytes, "chunk end");
      case "chunk end":
        return this.#takeLine(bytes, 0, () => {
          this.#state = "chunk head";
        });
      case "trailers":
        return this.#takeLine(bytes, LIMITS.s3HeaderBytesMax - this.#trailerBytes, (line) => {
          this.#trailerBytes += line.length + 2;
          if (line === "") this.#state = "complete";
        });
      case "complete":
        return 0;
    }
  }

  #takeHead(bytes: Buffer): number {
    const end = bytes.indexOf("\r\n\r\n");
    if ((end < 0 ? bytes.length : end) > LIMITS.s3HeaderBytesMax) throw new MalformedAnswer("a long head");
    if (end < 0) return 0;
    const [first = "", ...lines] = bytes.toString("latin1", 0, end).split("\r\n");
    const line = STATUS_LINE.exec(first);
    if (line === null) throw new MalformedAnswer("no status line");
    const head = { status: Number(line[2]), headers: parseHeaders(lines) };
    if (head.status >= 200) this.#begin(head, line[1] === "1");
    else if (head.status === 101 || this.#interims++ >= INTERIM_MAX)
      throw new MalformedAnswer("interim answers");
    return end + 4;
  }

  #begin(head: AnswerHead, isPersistent: boolean): void {
    const { connection, "content-length": length, "transfer-encoding": coding } = head.headers;
    this.head = head;
    this.#keeps = isPersistent && !/\bclose\b/i.test(String(connection));
    const hasNoBody = this.#isHead || head.status === 204 || head.status === 304;
    if (hasNoBody) this.#state = "complete";
    else if (coding !== undefined) {
      const isChunked = typeof coding === "string" && coding.toLowerCase() === "chunked";
      if (!isChunked || length !== undefined) throw new MalformedAnswer("a body of unknown coding");
      this.#state = "chunk head";
    } else if (length !== undefined) {
      if (typeof length !== "string" || !/^\d{1,15}$/.test(length)) throw new MalformedAnswer("no length");
      this.#left = Number(length);
      this.#state = this.#left === 0 ? "complete" : "sized";
    } else {
      this.#keeps = false;
      this.#state = "to the end";
    }
    this.#sink = this.#openSink(head);
  }

  #takeBody(bytes: Buffer, after: State): number {
    const used = Math.min(this.#left, bytes.length);
    this.#left -= used;
    if (this.#left === 0) this.#state = after;
    this.#sink.take(used === bytes.length ? bytes : bytes.subarray(0, used));
    return used;
  }

  #takeLine(bytes: Buffer, bytesMax: number, take: (line: string) => void): number {
    const end = bytes.indexOf("\r\n");
    if ((end < 0 ? bytes.length - 1 : end) > bytesMax) throw new MalformedAnswer("a long line in the body");
    if (end < 0) return 0;
    take(bytes.toString("latin1", 0, end));
    return end + 2;
  }

  #beginChunk(line: string): void {
    const size = CHUNK_HEAD.exec(line)?.[1];
    if (size === undefined) throw new MalformedAnswer("no size of a chunk");
    this.#left = Number.parseInt(size, 16);
    this.#state = this.#left === 0 ? "trailers" : "chunk";
  }
}

function parseHeaders(lines: readonly string[]): AnswerHead["headers"] {
  const headers = Object.create(null) as Record<string, string | string[] | undefined>;
  for (const line of lines) {
    const colon = line.indexOf(":");
    const name = line.slice(0, Math.max(colon, 0)).toLowerCase();
    if (!NAME.test(name) || CONTROL.test(line)) throw new MalformedAnswer("a header without a name");
    const value = line.slice(colon + 1).trim();
    const before = headers[name];
    headers[name] = before === undefined ? value : [before, value].flat();
  }
  return headers;
}
