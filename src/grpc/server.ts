/**
 * The gRPC server: sessions, calls, and their orderly end.
 *
 * It knows nothing of Flight: a method is a path and a handler. HTTP/2 is src/http2's.
 * Stopping never waits for idle peers: GOAWAY, calls may finish for a while, what is left is told and cut.
 */
import type { Socket } from "node:net";
import { createServer as createTlsServer, type TLSSocket, type Server as TlsServer } from "node:tls";
import { assert, CacheError } from "../errors.ts";
import type { HeaderBlock } from "../http2/hpack-decoder.ts";
import { ServerConnection } from "../http2/server-connection.ts";
import type { ServerStream } from "../http2/server-stream.ts";
import { LIMITS } from "../limits.ts";
import { logFor } from "../log.ts";
import type { CallHandler, MethodTable } from "./call.ts";
import { type ListenAddress, Listeners } from "./listeners.ts";
import { formatPeer, isOwnAddress } from "./peer-address.ts";
import { checkCallHeaders, httpRefusal, isOverLimit } from "./request-checks.ts";
import { type CallConnection, Http2ServerCall } from "./server-call.ts";
import { parseTimeout } from "./timeout.ts";

const log = logFor("grpc");

export interface GrpcServerOptions {
  readonly methods: MethodTable;
  /** PEM. `ca` completes the chain of `cert`; clients are not asked for certificates. */
  readonly tls?: { readonly cert: Buffer; readonly key: Buffer; readonly ca?: Buffer };
  /** How long calls may go on after `close`; LIMITS.drainTimeoutMs by default. */
  readonly drainTimeoutMs?: number;
}

export class GrpcServer {
  readonly #methods: MethodTable;
  readonly #drainTimeoutMs: number;
  readonly #tls: TlsServer | undefined;
  readonly #listeners: Listeners;
  readonly #connections = new Set<ServerConnection>();
  readonly #calls = new Set<Http2ServerCall>();
  #closing: Promise<void> | undefined;
  /** Called when the last call or connection is gone. */
  #onQuiet: (() => void) | undefined;

  constructor({ methods, tls, drainTimeoutMs = LIMITS.drainTimeoutMs }: GrpcServerOptions) {
    this.#methods = methods;
    this.#drainTimeoutMs = drainTimeoutMs;
    // It takes handshakes and listens nowhere: all addresses are the listeners'.
    this.#tls = tls && createTlsServer(tlsOptions(tls), (socket) => this.#serveTls(socket));
    this.#tls?.on("tlsClientError", (error) => log.debug("connection broken", { error }));
    this.#listeners = new Listeners(
      (socket) => {
        if (this.#tls === undefined) this.#serve(socket);
        else this.#tls.emit("connection", socket);
      },
      () => this.#onQuiet?.(),
    );
  }

  get openCalls(): number {
    return this.#calls.size;
  }

  get sessions(): number {
    return this.#connections.size;
  }

  /** Listens on one more address; port 0 picks a free one. Rejects with the error of the system. */
  listen(host: string, port: number): Promise<ListenAddress> {
    assert(this.#closing === undefined, "a closed server does not listen again");
    return this.#listeners.listen(host, port);
  }

  #serveTls(socket: TLSSocket): void {
    if (socket.alpnProtocol === "h2") this.#serve(socket);
    else socket.destroy();
  }

  #serve(socket: Socket): void {
    const facts: CallConnection = {
      peer: formatPeer(socket),
      isFromThisHost: isOwnAddress(socket),
      countMessage: () => connection.guard.countMessage(),
    };
    const connection = new ServerConnection({
      socket,
      onStream: (stream) => this.#take(stream, facts),
      onClosed: () => this.#connections.delete(connection),
    });
    this.#connections.add(connection);
    if (this.#closing !== undefined) connection.leave();
  }

  #take(stream: ServerStream, connection: CallConnection): void {
    const { request } = stream;
    const refusal = isOverLimit(request) ? undefined : httpRefusal(request);
    if (refusal !== undefined) {
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
      timeoutMs = parseTimeout(request.fields.get("grpc-timeout"));
    } catch (error) {
      handler = () => Promise.reject(error);
    }
    return call.run(handler, timeoutMs);
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
    this.#listeners.stopListening();
    for (const connection of this.#connections) connection.leave();
    await this.#quiet(() => this.#calls.size === 0, this.#drainTimeoutMs);
    for (const call of this.#calls) call.end(new CacheError("SHUTTING_DOWN"));
    await this.#quiet(() => this.#calls.size + this.#listeners.connections === 0, LIMITS.closeGraceMs);
    this.#listeners.destroyConnections();
    await this.#quiet(() => this.#calls.size + this.#listeners.connections === 0, LIMITS.closeGraceMs);
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

function tlsOptions({ cert, key, ca }: NonNullable<GrpcServerOptions["tls"]>) {
  const authority = ca === undefined ? {} : { ca };
  return { cert, key, ...authority, ALPNProtocols: ["h2"], handshakeTimeout: LIMITS.tlsHandshakeTimeoutMs };
}

const unknownMethod: CallHandler = () => Promise.reject(new CacheError("NOT_IMPLEMENTED", "no such method"));
