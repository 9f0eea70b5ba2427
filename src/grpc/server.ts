/**
 * The gRPC server: sessions, calls, and their orderly end.
 *
 * It knows nothing of Flight: a method is a path and a handler. One HTTP/2 server, which itself listens nowhere, takes
 * the connections of all addresses, with TLS or without.
 * Stopping never waits for idle peers: GOAWAY, calls may finish for a while, what is left is told and cut.
 */
import {
  createSecureServer,
  createServer,
  type Http2SecureServer,
  type Http2Server,
  type Http2Session,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import type { Socket } from "node:net";
import { setImmediate } from "node:timers/promises";
import { assert, CacheError } from "../errors.ts";
import { LIMITS } from "../limits.ts";
import { logFor } from "../log.ts";
import type { CallHandler, MethodTable } from "./call.ts";
import { type ListenAddress, Listeners } from "./listeners.ts";
import { checkCallHeaders, httpRefusal } from "./request-checks.ts";
import { Http2ServerCall } from "./server-call.ts";
import { SessionGuard } from "./session-guard.ts";
import { openSessionWindow, SERVER_SESSION_OPTIONS } from "./session-options.ts";
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
  readonly #http2: Http2Server | Http2SecureServer;
  readonly #listeners: Listeners;
  readonly #guards = new Map<Http2Session, SessionGuard>();
  readonly #calls = new Set<Http2ServerCall>();
  /** The socket whose session is being set up: node:http2 does not give it away later. */
  #accepted: Socket | undefined;
  #closing: Promise<void> | undefined;
  /** Called when the last call or connection is gone. */
  #onQuiet: (() => void) | undefined;

  constructor({ methods, tls, drainTimeoutMs = LIMITS.drainTimeoutMs }: GrpcServerOptions) {
    this.#methods = methods;
    this.#drainTimeoutMs = drainTimeoutMs;
    this.#http2 = tls === undefined ? createServer(SERVER_SESSION_OPTIONS) : secureServer(tls);
    this.#listeners = new Listeners(
      (socket) => void this.#http2.emit("connection", socket),
      () => this.#onQuiet?.(),
    );
    this.#http2.prependListener(tls === undefined ? "connection" : "secureConnection", (socket: Socket) => {
      this.#accepted = socket;
    });
    this.#http2.on("session", (session) => this.#guard(session));
    this.#http2.on("sessionError", (error) => log.debug("connection broken", { error }));
    this.#http2.on("unknownProtocol", (socket) => socket.destroy());
    this.#http2.on("stream", (stream, headers) => this.#take(stream, headers));
  }

  get openCalls(): number {
    return this.#calls.size;
  }

  get sessions(): number {
    return this.#guards.size;
  }

  /** Listens on one more address; port 0 picks a free one. Rejects with the error of the system. */
  listen(host: string, port: number): Promise<ListenAddress> {
    assert(this.#closing === undefined, "a closed server does not listen again");
    return this.#listeners.listen(host, port);
  }

  #guard(session: ServerHttp2Session): void {
    assert(this.#accepted !== undefined, "a session has a socket");
    openSessionWindow(session);
    this.#guards.set(session, new SessionGuard(session, this.#accepted));
    session.once("close", () => this.#guards.delete(session));
    this.#accepted = undefined;
  }

  #take(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    const session = stream.session === undefined ? undefined : this.#guards.get(stream.session);
    // Reset before we heard of it: rapid reset is counted by its guard only while the session is there.
    if (session === undefined || stream.destroyed || stream.closed) {
      stream.on("error", () => undefined);
      session?.countReset();
      return;
    }
    const refusal = httpRefusal(headers);
    if (refusal !== undefined) {
      stream.on("error", () => undefined);
      stream.respond(refusal, { endStream: true });
      stream.resume();
      return;
    }
    const call = new Http2ServerCall(stream, headers, { session, onGone: () => this.#forget(call) });
    this.#calls.add(call);
    void this.#run(call, headers);
  }

  #run(call: Http2ServerCall, headers: IncomingHttpHeaders): Promise<void> {
    let timeoutMs: number | undefined;
    let handler = this.#methods.get(call.path) ?? unknownMethod;
    try {
      checkCallHeaders(headers);
      timeoutMs = parseTimeout(headers["grpc-timeout"] as string | undefined);
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
    // Sessions are not closed from within their own frames, see SessionGuard.
    await setImmediate();
    for (const session of this.#guards.keys()) session.close();
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

function secureServer({ cert, key, ca }: NonNullable<GrpcServerOptions["tls"]>): Http2SecureServer {
  return createSecureServer({
    ...SERVER_SESSION_OPTIONS,
    cert,
    key,
    ...(ca === undefined ? {} : { ca }),
    allowHTTP1: false,
    handshakeTimeout: LIMITS.tlsHandshakeTimeoutMs,
  });
}

const unknownMethod: CallHandler = () => Promise.reject(new CacheError("NOT_IMPLEMENTED", "no such method"));
