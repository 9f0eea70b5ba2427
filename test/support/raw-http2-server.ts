/**
 * The server's end of HTTP/2 connections by hand, for clients that are to be listened to.
 *
 * Answers every request with a header block that it is given, and keeps the blocks that came, as they came. Ends with the test.
 */
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { onTestFinished } from "vitest";
import {
  ACK,
  END_HEADERS,
  END_STREAM,
  FRAME,
  type Frame,
  frame,
  PREFACE,
  type Setting,
  settings,
  splitFrames,
} from "./http2-frames.ts";

const PRIORITY = 0x20;
const PRIORITY_BYTES = 5;

export class RawHttp2Server {
  readonly port: number;
  /** Header blocks of all requests, joined where they came in several frames. */
  readonly blocks: Buffer[] = [];
  /** What requests are answered with. */
  answer: Buffer = Buffer.from([0x88]);
  #begun = Buffer.alloc(0);

  constructor(port: number) {
    this.port = port;
  }

  /** Speaks to one client. */
  serve(socket: Socket, ours: readonly Setting[]): void {
    let rest = Buffer.alloc(0);
    let isPrefaceRead = false;
    socket.on("error", () => undefined);
    socket.write(settings(...ours));
    socket.on("data", (chunk: Buffer) => {
      let bytes = Buffer.concat([rest, chunk]);
      if (!isPrefaceRead && bytes.length >= PREFACE.length) {
        isPrefaceRead = true;
        bytes = bytes.subarray(PREFACE.length);
      }
      const split = isPrefaceRead ? splitFrames(bytes) : { frames: [], rest: bytes };
      rest = Buffer.from(split.rest);
      for (const each of split.frames) this.#take(socket, each);
    });
  }

  #take(socket: Socket, { type, flags, stream, payload }: Frame): void {
    if (type === FRAME.settings && flags !== ACK) socket.write(frame(FRAME.settings, ACK, 0));
    if (type !== FRAME.headers && type !== FRAME.continuation) return;
    const start = type === FRAME.headers && (flags & PRIORITY) !== 0 ? PRIORITY_BYTES : 0;
    this.#begun = Buffer.concat([this.#begun, payload.subarray(start)]);
    if ((flags & END_HEADERS) === 0) return;
    this.blocks.push(this.#begun);
    this.#begun = Buffer.alloc(0);
    socket.write(frame(FRAME.headers, END_HEADERS | END_STREAM, stream, this.answer));
  }
}

export async function startRawHttp2Server(...ours: readonly Setting[]): Promise<RawHttp2Server> {
  const listener = createServer((socket) => {
    onClose.push(() => socket.destroy());
    server.serve(socket, ours);
  });
  const onClose: (() => void)[] = [() => listener.close()];
  onTestFinished(() => {
    for (const close of onClose) close();
  });
  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");
  const server = new RawHttp2Server((listener.address() as AddressInfo).port);
  return server;
}
