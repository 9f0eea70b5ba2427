/**
 * A Redis client that only counts: one connection, one command under way, replies looked at for their first line and length.
 *
 * Source: the Redis serialization protocol, version 2: `+OK`, `-ERR ...`, and `$LENGTH` with the value and CR LF behind it.
 */
import { connect, type Socket } from "node:net";
import type { Caller } from "./load-task.ts";

const END_OF_LINE = "\r\n";
/** No first line of a reply to SET or GET is longer, but for errors, which end the run anyway. */
const LINE_BYTES_MAX = 256;
const BULK = "$".charCodeAt(0);
const ERROR = "-".charCodeAt(0);

function command(...parts: readonly (string | Buffer)[]): Buffer {
  const encoded = parts.flatMap((part) => [
    Buffer.from(`$${Buffer.byteLength(part)}${END_OF_LINE}`),
    Buffer.from(part),
    Buffer.from(END_OF_LINE),
  ]);
  return Buffer.concat([Buffer.from(`*${parts.length}${END_OF_LINE}`), ...encoded]);
}

export interface RedisRequests {
  readonly puts: readonly Buffer[];
  readonly gets: readonly Buffer[];
}

export function redisRequests(names: readonly string[], value: Buffer): RedisRequests {
  return {
    puts: names.map((name) => command("SET", name, value)),
    gets: names.map((name) => command("GET", name)),
  };
}

interface Waiting {
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

export class RedisCaller implements Caller {
  readonly #socket: Socket;
  readonly #requests: RedisRequests;
  #waiting: Waiting | undefined;
  /** Bytes of a reply that are still to come; 0 between replies. */
  #missingBytes = 0;
  #line = "";

  constructor(port: number, requests: RedisRequests) {
    this.#requests = requests;
    this.#socket = connect({ port, host: "127.0.0.1", noDelay: true });
    this.#socket.on("data", (chunk) => this.#take(chunk));
    this.#socket.on("error", (error) => this.#waiting?.reject(error));
    this.#socket.on("close", () => this.#waiting?.reject(new Error("Redis closed the connection")));
  }

  put(key: number): Promise<void> {
    return this.#call(this.#requests.puts[key]);
  }

  get(key: number): Promise<void> {
    return this.#call(this.#requests.gets[key]);
  }

  #call(request: Buffer | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      this.#socket.write(request ?? "");
    });
  }

  #take(chunk: Buffer): void {
    if (this.#missingBytes > 0) {
      this.#count(chunk.length);
      return;
    }
    const had = this.#line.length;
    this.#line += chunk.toString("latin1", 0, Math.min(chunk.length, LINE_BYTES_MAX));
    const end = this.#line.indexOf(END_OF_LINE);
    if (end < 0) return;
    const line = this.#line.slice(0, end);
    this.#line = "";
    this.#missingBytes = missingAfter(line);
    if (line.charCodeAt(0) === ERROR || this.#missingBytes < 0) this.#fail(line);
    else this.#count(had + chunk.length - end - END_OF_LINE.length);
  }

  #count(bytes: number): void {
    this.#missingBytes -= bytes;
    if (this.#missingBytes === 0) this.#waiting?.resolve();
  }

  #fail(line: string): void {
    this.#missingBytes = 0;
    this.#waiting?.reject(new Error(`Redis answered ${line}`));
  }

  close(): void {
    this.#waiting = undefined;
    this.#socket.destroy();
  }
}

/** Bytes behind the first line of a reply; negative for a value that is not there. */
function missingAfter(line: string): number {
  if (line.charCodeAt(0) !== BULK) return 0;
  const length = Number(line.slice(1));
  return length < 0 ? -1 : length + END_OF_LINE.length;
}
