/**
 * The methods of the service called without a network: requests from a list, answers into a list.
 *
 * What a network would do can be asked for: requests in small chunks, a client that stops in the middle, a reader that
 * takes nothing until it is let go on.
 */
import type { IndexedCacheOptions } from "../../src/cache/indexed-cache.ts";
import type { ObjectCache } from "../../src/cache/object-cache.ts";
import type { ValidationLevel } from "../../src/config/cache-config.ts";
import { CacheError } from "../../src/errors.ts";
import type { CallHandler, IncomingMessage, MethodTable, ServerCall } from "../../src/grpc/call.ts";
import { buildMethods } from "../../src/service/flight/flight-service.ts";
import { ServiceContext } from "../../src/service/service-context.ts";
import type { Durability } from "../../src/storage/object-storage.ts";
import { cacheOver, type Engine } from "./cache-over.ts";

export const DIRECT_ENDPOINT = "grpc://127.0.0.1:9090";

/** Where a call stops until the test lets it go on. */
export class Gate {
  /** Resolves when somebody stands before the gate. */
  readonly reached: Promise<void>;
  readonly #opened: Promise<void>;
  #reach: () => void = () => {};
  #open: () => void = () => {};

  constructor() {
    this.reached = new Promise((resolve) => {
      this.#reach = resolve;
    });
    this.#opened = new Promise((resolve) => {
      this.#open = resolve;
    });
  }

  pass(): Promise<void> {
    this.#reach();
    return this.#opened;
  }

  open(): void {
    this.#open();
  }
}

export interface CallManner {
  /** Requests come in chunks of this size; whole when absent. */
  readonly chunkBytes?: number;
  /** Stands before the last request. */
  readonly beforeLast?: Gate;
  /** The client resets the call behind its last request. */
  readonly isBrokenOff?: boolean;
  /** Called with the size of each chunk that is taken of a request. */
  readonly onChunk?: (sizeBytes: number) => void;
  /** What the call's headers say. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Stands behind each answer, as a reader that takes nothing does. */
  readonly reader?: Gate;
}

export interface DirectOptions extends IndexedCacheOptions {
  /** What the server promises; `restart` by default. */
  readonly durability?: Durability | undefined;
  /** How closely tables are looked at; `structure` by default. */
  readonly validation?: ValidationLevel | undefined;
}

/** A service under test, however it is called. */
export interface TestService {
  readonly cache: ObjectCache;
  start(): Promise<void>;
  stop(): Promise<void>;
  /** One call. @throws what its handler throws, or a client is told of it. */
  call(path: string, requests: readonly Uint8Array[], manner?: CallManner): Promise<Buffer[]>;
}

export class DirectService implements TestService {
  readonly cache: ObjectCache;
  readonly #methods: MethodTable;

  constructor(storage: Engine, { durability, validation, ...options }: DirectOptions = {}) {
    this.cache = cacheOver(storage, options);
    const stopping = new AbortController().signal;
    const facts = { cache: this.cache, endpoint: DIRECT_ENDPOINT, stopping };
    const context = ServiceContext.open({
      ...facts,
      ...(durability && { durability }),
      ...(validation && { validation }),
    });
    this.#methods = buildMethods(context);
  }

  start(): Promise<void> {
    return this.cache.start();
  }

  stop(): Promise<void> {
    return this.cache.stop();
  }

  async call(path: string, requests: readonly Uint8Array[], manner: CallManner = {}): Promise<Buffer[]> {
    const handler: CallHandler = this.#methods.get(path)!;
    const call = new DirectCall(path, requests, manner);
    await handler(call);
    return call.answers;
  }
}

class DirectCall implements ServerCall {
  readonly path: string;
  readonly peer = "ipv4:127.0.0.1:5123";
  readonly isFromThisHost = true;
  readonly metadata = {
    get: (name: string) => this.#manner.headers?.[name],
    getBinary: () => undefined,
  };
  readonly signal = new AbortController().signal;
  readonly answers: Buffer[] = [];
  readonly #requests: Uint8Array[];
  readonly #manner: CallManner;
  #pieces: Uint8Array[] = [];
  #missingBytes = 0;

  constructor(path: string, requests: readonly Uint8Array[], manner: CallManner) {
    this.path = path;
    this.#requests = [...requests];
    this.#manner = manner;
  }

  readonly requests = { next: () => this.#next() };

  async #next(): Promise<IncomingMessage | null> {
    if (this.#requests.length === 1) await this.#manner.beforeLast?.pass();
    const request = this.#requests.shift();
    if (request !== undefined) return new DirectMessage(Buffer.from(request), this.#manner);
    if (this.#manner.isBrokenOff) throw new CacheError("CANCELLED");
    return null;
  }

  reserveNow(wantedBytes: number): number {
    return wantedBytes;
  }

  async reserve(wantedBytes: number): Promise<number> {
    return wantedBytes;
  }

  release(): void {}

  reserveWhole(): undefined {}

  collect(): undefined {}

  releaseCollected(): void {}

  mayIdle(): void {}

  write(parts: readonly Uint8Array[]): Promise<void> | undefined {
    return this.startMessage(
      parts.reduce((sum, part) => sum + part.length, 0),
      parts,
    );
  }

  writeAll(messages: readonly Uint8Array[]): Promise<void> | undefined {
    const waiting = messages.map((message) => this.write([message]));
    return waiting.find((each) => each !== undefined);
  }

  startMessage(sizeBytes: number, first: readonly Uint8Array[]): Promise<void> | undefined {
    if (this.#missingBytes !== 0) throw new Error("a message was not written to its end");
    this.#missingBytes = sizeBytes;
    return this.#take(first);
  }

  writePiece(piece: Uint8Array, onSent?: () => void): Promise<void> | undefined {
    const waiting = this.#take([Buffer.from(piece)]);
    onSent?.();
    return waiting;
  }

  flush(): undefined {}

  throwIfOver(): void {}

  readonly traffic = { receivedBytes: 0, sentBytes: 0 };

  abandon(): void {}

  setTrailer(): void {}

  #take(pieces: readonly Uint8Array[]): Promise<void> | undefined {
    for (const piece of pieces) this.#missingBytes -= piece.length;
    if (this.#missingBytes < 0) throw new Error("a message is larger than was said");
    this.#pieces.push(...pieces);
    if (this.#missingBytes === 0) {
      this.answers.push(Buffer.concat(this.#pieces));
      this.#pieces = [];
    }
    return this.#manner.reader?.pass();
  }
}

class DirectMessage implements IncomingMessage {
  readonly sizeBytes: number;
  readonly #chunkBytes: number;
  readonly #onChunk: CallManner["onChunk"];
  #rest: Buffer;

  constructor(bytes: Buffer, { chunkBytes = bytes.length, onChunk }: CallManner) {
    this.sizeBytes = bytes.length;
    this.#chunkBytes = chunkBytes;
    this.#onChunk = onChunk;
    this.#rest = bytes;
  }

  async read(): Promise<Buffer[] | null> {
    if (this.#rest.length === 0) return null;
    const chunk = this.#rest.subarray(0, this.#chunkBytes);
    this.#rest = this.#rest.subarray(chunk.length);
    this.#onChunk?.(chunk.length);
    return [chunk];
  }

  async collect(sizeBytesMax: number): Promise<Buffer> {
    if (this.sizeBytes > sizeBytesMax) throw new CacheError("OBJECT_TOO_LARGE");
    return this.#rest;
  }
}
