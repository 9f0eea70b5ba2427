/**
 * The gRPC server: runs calls and shuts them down in order.
 *
 * It is independent of Flight: a method is a path and a handler. The transport owns connections,
 * and src/http2 implements HTTP/2. A stop never waits for idle peers: the server sends GOAWAY,
 * running calls get time to finish, and the rest end with SHUTTING_DOWN.
 */
import { assert, CacheError, type ErrorCode, isCacheError } from "../errors.ts";
import { CallMemory } from "../http2/call-memory.ts";
import type { HeaderBlock } from "../http2/hpack-decoder.ts";
import { LIMITS } from "../limits.ts";
import { logFor } from "../log.ts";
import type { CallHandler, CallTraffic, MethodTable } from "./call.ts";
import type { CallConnection, CallStream } from "./call-stream.ts";
import type { ListenAddress } from "./listeners.ts";
import { LocalTransport } from "./local-transport.ts";
import { tooManyCalls } from "./memory-refusal.ts";
import { checkCallHeaders, httpRefusal } from "./request-checks.ts";
import { Http2ServerCall } from "./server-call.ts";
import type { OpenTransport, ServerTls, ServerTransport } from "./server-transport.ts";
import { StalledCalls } from "./stalled-calls.ts";
import { parseTimeout } from "./timeout.ts";

const log = logFor("grpc");

export interface GrpcServerOptions {
  readonly methods: MethodTable;
  readonly tls?: ServerTls;
  /**
   * Opens the transport; by default this thread owns the connections. With it, the transport
   * handles `tls`.
   */
  readonly openTransport?: OpenTransport;
  /** How long calls may run after `close`; default LIMITS.drainTimeoutMs. */
  readonly drainTimeoutMs?: number;
  /** Memory that calls may make this process hold; default LIMITS.callsMemoryBytes. */
  readonly callsMemoryBytes?: number | undefined;
  /**
   * Open connections; default LIMITS.connectionsMax. With `openTransport` the transport sets it.
   */
  readonly connectionsMax?: number | undefined;
  /** A call without progress for this long ends; default LIMITS.idleCallMs. */
  readonly idleCallMs?: number | undefined;
}

export class GrpcServer {
  readonly #methods: MethodTable;
  readonly #drainTimeoutMs: number;
  readonly #transport: ServerTransport;
  readonly #calls = new Set<Http2ServerCall>();
  readonly #memory: CallMemory;
  readonly #stalled: StalledCalls;
  #closing: Promise<void> | undefined;
  /** Of calls that are over. */
  #receivedBytes = 0;
  #sentBytes = 0;
  readonly #refusals = new Map<ErrorCode, number>();
  /** Called when the last call or connection has ended. */
  #onQuiet: (() => void) | undefined;

  constructor(options: GrpcServerOptions) {
    const { methods, tls, openTransport, drainTimeoutMs = LIMITS.drainTimeoutMs } = options;
    this.#methods = methods;
    this.#drainTimeoutMs = drainTimeoutMs;
    this.#memory = new CallMemory(options.callsMemoryBytes);
    this.#stalled = new StalledCalls(this.#calls, this.#memory, options.idleCallMs);
    const listener = {
      onStream: (stream: CallStream, connection: CallConnection) => this.#take(stream, connection),
      onEmpty: () => this.#onQuiet?.(),
    };
    this.#transport =
      openTransport?.(listener, this.#memory) ??
      new LocalTransport(listener, {
        tls,
        memory: this.#memory,
        listenOptions: { connectionsMax: options.connectionsMax },
      });
  }

  get openCalls(): number {
    return this.#calls.size;
  }

  /** Number of open connections. */
  get sessions(): number {
    return this.#transport.connections;
  }

  /** Connections that were closed at once because the limit was reached, since the start. */
  get refusedConnections(): number {
    return this.#transport.refusedConnections;
  }

  /** Of all calls since the start, running ones included. Cost: a visit of each running call. */
  get traffic(): CallTraffic {
    let [receivedBytes, sentBytes] = [this.#receivedBytes, this.#sentBytes];
    for (const { traffic } of this.#calls) {
      receivedBytes += traffic.receivedBytes;
      sentBytes += traffic.sentBytes;
    }
    return { receivedBytes, sentBytes };
  }

  /** Calls that were refused before a method ran, by code, since the start. */
  get refusals(): ReadonlyMap<ErrorCode, number> {
    return this.#refusals;
  }

  /** The account of the memory that calls hold. */
  get memory(): Pick<CallMemory, "usedBytes" | "bytesMax"> {
    return this.#memory;
  }

  /** Listens on one more address; port 0 picks a free port. Rejects with the system error. */
  listen(host: string, port: number): Promise<ListenAddress> {
    assert(this.#closing === undefined, "a closed server does not listen again");
    return this.#transport.listen(host, port);
  }

  /**
   * Replaces certificate and key for new connections. Resolves when they are in use.
   * @throws if they cannot be used; then nothing changes.
   */
  async setTls(tls: ServerTls): Promise<void> {
    await this.#transport.setTls(tls);
  }

  #take(stream: CallStream, connection: CallConnection): void {
    const { request } = stream;
    const refusal = request.isFull ? undefined : httpRefusal(request);
    if (refusal !== undefined) {
      stream.account.close();
      stream.sendHeaders(refusal, { endStream: true });
      return;
    }
    const call = new Http2ServerCall(stream, { connection, onClosed: () => this.#forget(call) });
    this.#calls.add(call);
    void this.#run(call, request);
  }

  #run(call: Http2ServerCall, request: HeaderBlock): Promise<void> {
    let timeoutMs: number | undefined;
    let handler = this.#methods.get(call.path) ?? unknownMethod;
    if (handler === unknownMethod) this.#refused(call, NO_METHOD);
    try {
      checkCallHeaders(request);
      if (call.connectionMemory.admission !== "yes") this.#refuseIfNoMemory(call);
      timeoutMs = parseTimeout(request.fields.get("grpc-timeout"));
    } catch (error) {
      if (isCacheError(error)) this.#refused(call, error);
      handler = () => Promise.reject(error);
    }
    return call.run(handler, timeoutMs);
  }

  /** @throws {CacheError} OVERLOADED if stalled calls release no memory. */
  #refuseIfNoMemory({ connectionMemory }: Http2ServerCall): void {
    this.#stalled.releaseMemory();
    if (connectionMemory.admission !== "yes") throw tooManyCalls(this.#memory);
  }

  #refused(call: Http2ServerCall, reason: CacheError): void {
    this.#refusals.set(reason.code, (this.#refusals.get(reason.code) ?? 0) + 1);
    logRefusal(call, reason);
  }

  #forget(call: Http2ServerCall): void {
    if (!this.#calls.delete(call)) return;
    this.#receivedBytes += call.traffic.receivedBytes;
    this.#sentBytes += call.traffic.sentBytes;
    if (this.#calls.size === 0) this.#onQuiet?.();
  }

  /**
   * Stops: accepts no new calls; running calls may finish within the drain time, then end with
   * SHUTTING_DOWN.
   */
  close(): Promise<void> {
    this.#closing ??= this.#drain();
    return this.#closing;
  }

  async #drain(): Promise<void> {
    await this.#transport.drain();
    await this.#quiet(() => this.#calls.size === 0, this.#drainTimeoutMs);
    for (const call of this.#calls) call.end(new CacheError("SHUTTING_DOWN"));
    await this.#quiet(() => this.#calls.size + this.#transport.connections === 0, LIMITS.closeGraceMs);
    this.#transport.destroyConnections();
    await this.#quiet(() => this.#calls.size + this.#transport.connections === 0, LIMITS.closeGraceMs);
    this.#stalled.stop();
    await this.#transport.close();
    if (this.#calls.size > 0)
      log.warn("handlers did not return after the drain time", { calls: this.#calls.size });
  }

  /** Waits for `isQuiet`, at most `timeoutMs`. */
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

/** Shared by all calls: a new error per call would cost a stack trace. */
const NO_METHOD = new CacheError("NOT_IMPLEMENTED", "no such method");
const unknownMethod: CallHandler = () => Promise.reject(NO_METHOD);

/** Logs a call that was refused before its method ran. */
function logRefusal({ path, peer }: Http2ServerCall, { code, message, facts }: CacheError): void {
  if (log.isEnabled("debug"))
    log.debug("call refused", { method: path, peer, code, reason: message, ...facts });
}
