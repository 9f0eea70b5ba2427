/**
 * The gRPC server: calls, and their orderly end.
 *
 * It knows nothing of Flight: a method is a path and a handler. Connections are its entrance's, HTTP/2 is src/http2's.
 * Stopping never waits for idle peers: GOAWAY, calls may finish for a while, what is left is told and cut.
 */
import { assert, CacheError } from "../errors.ts";
import { CallMemory } from "../http2/call-memory.ts";
import type { HeaderBlock } from "../http2/hpack-decoder.ts";
import { LIMITS } from "../limits.ts";
import { logFor } from "../log.ts";
import type { CallHandler, MethodTable } from "./call.ts";
import type { CallConnection, CallStream } from "./call-stream.ts";
import type { Entrance, OpenEntrance, ServerTls } from "./entrance.ts";
import type { ListenAddress } from "./listeners.ts";
import { LocalEntrance } from "./local-entrance.ts";
import { tooManyCalls } from "./memory-refusal.ts";
import { checkCallHeaders, httpRefusal } from "./request-checks.ts";
import { Http2ServerCall } from "./server-call.ts";
import { StalledCalls } from "./stalled-calls.ts";
import { parseTimeout } from "./timeout.ts";

const log = logFor("grpc");

export interface GrpcServerOptions {
  readonly methods: MethodTable;
  readonly tls?: ServerTls;
  /** Who has the connections; this thread by default. With it `tls` is the entrance's. */
  readonly openEntrance?: OpenEntrance;
  /** How long calls may go on after `close`; LIMITS.drainTimeoutMs by default. */
  readonly drainTimeoutMs?: number;
  /** What calls may make this process hold; LIMITS.callsMemoryBytes by default. */
  readonly callsMemoryBytes?: number | undefined;
  /** Open connections; LIMITS.connectionsMax by default. With `openEntrance` it is the entrance's. */
  readonly connectionsMax?: number | undefined;
  /** A call that moves nothing for this long is ended; LIMITS.idleCallMs by default. */
  readonly idleCallMs?: number | undefined;
}

export class GrpcServer {
  readonly #methods: MethodTable;
  readonly #drainTimeoutMs: number;
  readonly #entrance: Entrance;
  readonly #calls = new Set<Http2ServerCall>();
  readonly #memory: CallMemory;
  readonly #stalled: StalledCalls;
  #closing: Promise<void> | undefined;
  /** Called when the last call or connection is gone. */
  #onQuiet: (() => void) | undefined;

  constructor(options: GrpcServerOptions) {
    const { methods, tls, openEntrance, drainTimeoutMs = LIMITS.drainTimeoutMs } = options;
    this.#methods = methods;
    this.#drainTimeoutMs = drainTimeoutMs;
    this.#memory = new CallMemory(options.callsMemoryBytes);
    this.#stalled = new StalledCalls(this.#calls, this.#memory, options.idleCallMs);
    const listener = {
      onStream: (stream: CallStream, connection: CallConnection) => this.#take(stream, connection),
      onEmpty: () => this.#onQuiet?.(),
    };
    this.#entrance =
      openEntrance?.(listener, this.#memory) ??
      new LocalEntrance(listener, {
        tls,
        memory: this.#memory,
        manner: { connectionsMax: options.connectionsMax },
      });
  }

  get openCalls(): number {
    return this.#calls.size;
  }

  /** Open connections. */
  get sessions(): number {
    return this.#entrance.connections;
  }

  /** Listens on one more address; port 0 picks a free one. Rejects with the error of the system. */
  listen(host: string, port: number): Promise<ListenAddress> {
    assert(this.#closing === undefined, "a closed server does not listen again");
    return this.#entrance.listen(host, port);
  }

  #take(stream: CallStream, connection: CallConnection): void {
    const { request } = stream;
    const refusal = request.isFull ? undefined : httpRefusal(request);
    if (refusal !== undefined) {
      stream.account.close();
      stream.sendHeaders(refusal, { endStream: true });
      return;
    }
    const call = new Http2ServerCall(stream, { connection, onGone: () => this.#forget(call) });
    this.#calls.add(call);
    void this.#run(call, request);
  }

  #run(call: Http2ServerCall, request: HeaderBlock): Promise<void> {
    let timeoutMs: number | undefined;
    let handler = this.#methods.get(call.path) ?? unknownMethod;
    try {
      checkCallHeaders(request);
      if (call.connectionMemory.admission !== "yes") this.#refuseUnlessRoom(call);
      timeoutMs = parseTimeout(request.fields.get("grpc-timeout"));
    } catch (error) {
      handler = () => Promise.reject(error);
    }
    return call.run(handler, timeoutMs);
  }

  /** @throws {CacheError} OVERLOADED when calls that stand still give no memory back. */
  #refuseUnlessRoom({ connectionMemory }: Http2ServerCall): void {
    this.#stalled.makeRoom();
    if (connectionMemory.admission !== "yes") throw tooManyCalls(this.#memory);
  }

  #forget(call: Http2ServerCall): void {
    this.#calls.delete(call);
    if (this.#calls.size === 0) this.#onQuiet?.();
  }

  /** Stops: no new calls, those under way may finish within the drain time, then they end with SHUTTING_DOWN. */
  close(): Promise<void> {
    this.#closing ??= this.#drain();
    return this.#closing;
  }

  async #drain(): Promise<void> {
    await this.#entrance.leave();
    await this.#quiet(() => this.#calls.size === 0, this.#drainTimeoutMs);
    for (const call of this.#calls) call.end(new CacheError("SHUTTING_DOWN"));
    await this.#quiet(() => this.#calls.size + this.#entrance.connections === 0, LIMITS.closeGraceMs);
    this.#entrance.destroyConnections();
    await this.#quiet(() => this.#calls.size + this.#entrance.connections === 0, LIMITS.closeGraceMs);
    this.#stalled.stop();
    await this.#entrance.close();
    if (this.#calls.size > 0) log.warn("handlers do not end", { calls: this.#calls.size });
  }

  /** Waits until `isQuiet`, at most `timeoutMs`. */
  async #quiet(isQuiet: () => boolean, timeoutMs: number): Promise<void> {
    if (isQuiet()) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, timeoutMs);
      this.#onQuiet = () => {
        if (!isQuiet()) return;
        clearTimeout(timer);
        resolve();
      };
    });
    this.#onQuiet = undefined;
  }
}

/** Thousands of calls may ask for it: an error of its own for each would cost a stack trace. */
const NO_METHOD = new CacheError("NOT_IMPLEMENTED", "no such method");
const unknownMethod: CallHandler = () => Promise.reject(NO_METHOD);
