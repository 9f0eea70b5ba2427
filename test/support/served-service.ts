/**
 * The methods of the service called over connections that other threads have: what DirectService does without a network.
 *
 * Calls go out over several connections in turn, so that the system shares them out among the threads. How a call is to go on
 * is arranged on the server's side, which is in this process: there a gate stands where DirectService has it.
 */

import type { IndexedCacheOptions } from "../../src/cache/indexed-cache.ts";
import type { ObjectCache } from "../../src/cache/object-cache.ts";
import type { CacheError } from "../../src/errors.ts";
import type { CallHandler, MessageReader, MethodTable, ServerCall } from "../../src/grpc/call.ts";
import { GrpcClient } from "../../src/grpc/client.ts";
import { GrpcServer } from "../../src/grpc/server.ts";
import { LIMITS } from "../../src/limits.ts";
import { ThreadedTransport } from "../../src/relay/threaded-transport.ts";
import { buildMethods } from "../../src/service/flight/flight-service.ts";
import { ServiceContext } from "../../src/service/service-context.ts";
import { cacheOver, type Engine } from "./cache-over.ts";
import { type CallManner, DIRECT_ENDPOINT, type TestService } from "./direct-service.ts";

const CLIENTS = 8;
/** Names a call, for its manner. */
const CALL_HEADER = "test-call";

export interface ServedOptions extends IndexedCacheOptions {
  readonly threads: number;
}

export class ServedService implements TestService {
  readonly cache: ObjectCache;
  readonly #server: GrpcServer;
  readonly #manners = new Map<string, ArrangedManner>();
  #clients: readonly GrpcClient[] = [];
  #calls = 0;

  constructor(storage: Engine, { threads, ...options }: ServedOptions) {
    this.cache = cacheOver(storage, options);
    const stopping = new AbortController().signal;
    const context = ServiceContext.open({ cache: this.cache, endpoint: DIRECT_ENDPOINT, stopping });
    this.#server = new GrpcServer({
      methods: this.#arranged(buildMethods(context)),
      openTransport: (listener, memory) =>
        new ThreadedTransport(listener, { threads, memory, tls: undefined }),
    });
  }

  async start(): Promise<void> {
    await this.cache.start();
    const { host, port } = await this.#server.listen("127.0.0.1", 0);
    this.#clients = Array.from({ length: CLIENTS }, () => new GrpcClient({ host, port }));
  }

  async stop(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.close()));
    await this.#server.close();
    await this.cache.stop();
  }

  async call(path: string, requests: readonly Uint8Array[], manner: CallManner = {}): Promise<Buffer[]> {
    this.#calls += 1;
    const name = `${this.#calls}`;
    this.#manners.set(name, { ...manner, requests: requests.length });
    const metadata = { ...manner.headers, [CALL_HEADER]: name };
    const client = this.#clients[this.#calls % CLIENTS]!;
    const call = client.open(path, { metadata });
    for (const request of requests) await call.write([request]);
    if (manner.isBrokenOff) call.cancel();
    else call.endRequests();
    const answers: Buffer[] = [];
    for (let next = await call.responses.next(); next !== null; next = await call.responses.next()) {
      answers.push(Buffer.from(await next.collect(LIMITS.unaryMessageBytesMax)));
    }
    return answers;
  }

  #arranged(methods: MethodTable): MethodTable {
    const arranged = [...methods].map(([path, handler]): [string, CallHandler] => [
      path,
      (call) => {
        const name = call.metadata.get(CALL_HEADER) ?? "";
        const manner = this.#manners.get(name)!;
        this.#manners.delete(name);
        return handler(new ArrangedCall(call, manner));
      },
    ]);
    return new Map(arranged);
  }
}

interface ArrangedManner extends CallManner {
  readonly requests: number;
}

/** A call of the server, with the gates of its manner. */
class ArrangedCall implements ServerCall {
  readonly requests: MessageReader;
  readonly #call: ServerCall;
  readonly #manner: ArrangedManner;
  #asked = 0;

  constructor(call: ServerCall, manner: ArrangedManner) {
    this.#call = call;
    this.#manner = manner;
    this.requests = {
      next: async () => {
        this.#asked += 1;
        if (this.#asked === manner.requests) await manner.beforeLast?.pass();
        return await call.requests.next();
      },
    };
  }

  get path() {
    return this.#call.path;
  }

  get peer() {
    return this.#call.peer;
  }

  get isFromThisHost() {
    return this.#call.isFromThisHost;
  }

  get metadata() {
    return this.#call.metadata;
  }

  get signal() {
    return this.#call.signal;
  }

  throwIfOver(): void {
    this.#call.throwIfOver();
  }

  get traffic() {
    return this.#call.traffic;
  }

  abandon(reason: CacheError): void {
    this.#call.abandon(reason);
  }

  setTrailer(name: string, value: string | Buffer): void {
    this.#call.setTrailer(name, value);
  }

  reserveNow(wantedBytes: number): number {
    return this.#call.reserveNow(wantedBytes);
  }

  reserve(wantedBytes: number): Promise<number> {
    return this.#call.reserve(wantedBytes);
  }

  release(bytes: number): void {
    this.#call.release(bytes);
  }

  reserveWhole(bytes: number): Promise<void> | undefined {
    return this.#call.reserveWhole(bytes);
  }

  collect(bytes: number): Promise<void> | undefined {
    return this.#call.collect(bytes);
  }

  releaseCollected(bytes: number): void {
    this.#call.releaseCollected(bytes);
  }

  mayIdle(): void {
    this.#call.mayIdle();
  }

  write(parts: readonly Uint8Array[]): Promise<void> | undefined {
    return this.#behindGate(this.#call.write(parts));
  }

  writeAll(messages: readonly Uint8Array[]): Promise<void> | undefined {
    return this.#behindGate(this.#call.writeAll(messages));
  }

  startMessage(sizeBytes: number, first: readonly Uint8Array[]): Promise<void> | undefined {
    return this.#behindGate(this.#call.startMessage(sizeBytes, first));
  }

  writePiece(piece: Uint8Array, onSent?: () => void): Promise<void> | undefined {
    return this.#behindGate(this.#call.writePiece(piece, onSent));
  }

  flush(): Promise<void> | undefined {
    return this.#call.flush();
  }

  #behindGate(written: Promise<void> | undefined): Promise<void> | undefined {
    const gate = this.#manner.reader?.pass();
    return gate === undefined ? written : gate.then(() => written);
  }
}
