/**
 * What node:http2 costs by itself: a server with no gRPC layer, no checks and no Arrow, for the bench's own client only.
 *
 * Keeps the bytes of a put as they came, copied once into memory that is used again, and plays them back for a get. What
 * the cache loses against the C++ server beyond this one is its own; the rest is the platform's.
 * Prints `listening on grpc://HOST:PORT` when calls are accepted.
 */
import { createServer, type OutgoingHttpHeaders, type ServerHttp2Stream } from "node:http2";
import type { AddressInfo } from "node:net";
import { prepareMemory } from "../src/command/process-memory.ts";
import { openSessionWindow } from "../src/grpc/session-options.ts";
import { LIMITS } from "../src/limits.ts";

const ANSWER_HEADERS: OutgoingHttpHeaders = { ":status": 200, "content-type": "application/grpc" };
const STATUS_OK: OutgoingHttpHeaders = { "grpc-status": "0" };
/** One PutResult of six bytes of metadata, as the peer in C++ answers. */
const PUT_ANSWER = Buffer.from([0, 0, 0, 0, 8, 0x0a, 6, ...Buffer.from("stored")]);
/** The bench's keys, in a descriptor and in a ticket; the client asks for nothing else. */
const KEY = /bench\/session\/[\w-]+/;
const PREFIX_AND_KEY_BYTES = 200;
const PIECE_BYTES = 256 * 1024;

interface Kept {
  bytes: Buffer;
  sizeBytes: number;
}

const objects = new Map<string, Kept>();

function answer(stream: ServerHttp2Stream, pieces: readonly Buffer[]): void {
  stream.respond(ANSWER_HEADERS, { waitForTrailers: true });
  stream.on("wantTrailers", () => stream.sendTrailers(STATUS_OK));
  let next = 0;
  const send = (): void => {
    while (next < pieces.length) {
      const piece = pieces[next];
      next += 1;
      if (!stream.write(piece)) {
        stream.once("drain", send);
        return;
      }
    }
    stream.end();
  };
  send();
}

function keyIn(chunk: Buffer): string {
  return KEY.exec(chunk.toString("latin1", 0, PREFIX_AND_KEY_BYTES))?.[0] ?? "";
}

function takePut(stream: ServerHttp2Stream): void {
  let kept: Kept | undefined;
  let filled = 0;
  stream.on("data", (chunk: Buffer) => {
    if (kept === undefined) {
      const key = keyIn(chunk);
      kept = objects.get(key) ?? { bytes: Buffer.alloc(0), sizeBytes: 0 };
      objects.set(key, kept);
    }
    if (kept.bytes.length < filled + chunk.length) {
      const larger = Buffer.allocUnsafeSlow(2 * (filled + chunk.length));
      kept.bytes.copy(larger, 0, 0, filled);
      kept.bytes = larger;
    }
    chunk.copy(kept.bytes, filled);
    filled += chunk.length;
  });
  stream.on("end", () => {
    if (kept !== undefined) kept.sizeBytes = filled;
    answer(stream, [PUT_ANSWER]);
  });
}

function takeGet(stream: ServerHttp2Stream): void {
  let key = "";
  stream.on("data", (chunk: Buffer) => {
    key = keyIn(chunk);
  });
  stream.on("end", () => {
    const { bytes, sizeBytes } = objects.get(key) ?? { bytes: Buffer.alloc(0), sizeBytes: 0 };
    const pieces: Buffer[] = [];
    for (let at = 0; at < sizeBytes; at += PIECE_BYTES) {
      pieces.push(bytes.subarray(at, Math.min(at + PIECE_BYTES, sizeBytes)));
    }
    answer(stream, pieces);
  });
}

prepareMemory();
const server = createServer({
  settings: { initialWindowSize: LIMITS.streamWindowBytes },
  maxSessionMemory: 1000,
});
server.on("session", openSessionWindow);
server.on("stream", (stream, headers) => {
  stream.on("error", () => undefined);
  if (headers[":path"]?.endsWith("/DoPut")) takePut(stream);
  else takeGet(stream);
});
server.listen(0, "127.0.0.1", () => {
  const { port } = server.address() as AddressInfo;
  process.stdout.write(`listening on grpc://127.0.0.1:${port}\n`);
});
process.once("SIGTERM", () => process.exit(0));
