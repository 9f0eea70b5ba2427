/**
 * A small gRPC client on node:http2: one connection, made when it is needed and again when it is gone.
 *
 * Calls are not retried here, and there is no balancing: who calls knows what may be done twice. One connection is not
 * meant to carry bulk data both ways at once; take two clients for that (see docs, windows).
 * TLS is verified against `ca` or the system's roots; there is no switch to leave it out.
 */
import {
  type ClientHttp2Session,
  connect,
  type OutgoingHttpHeaders,
  type SecureClientSessionOptions,
} from "node:http2";
import { setImmediate } from "node:timers/promises";
import { CacheError } from "../errors.ts";
import { LIMITS } from "../limits.ts";
import { type ClientCall, Http2ClientCall } from "./client-call.ts";
import { type MetadataEntries, setMetadata } from "./metadata.ts";
import { CLIENT_SESSION_OPTIONS, openSessionWindow } from "./session-options.ts";
import { formatTimeout } from "./timeout.ts";

export interface GrpcClientOptions {
  readonly host: string;
  readonly port: number;
  /** Present: TLS. `ca` is PEM. */
  readonly tls?: { readonly ca?: Buffer };
}

export interface CallOptions {
  readonly metadata?: MetadataEntries;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

export class GrpcClient {
  readonly #authority: string;
  readonly #options: SecureClientSessionOptions;
  readonly #calls = new Set<ClientCall>();
  #session: ClientHttp2Session | undefined;

  constructor({ host, port, tls }: GrpcClientOptions) {
    const urlHost = host.includes(":") ? `[${host}]` : host;
    this.#authority = `${tls === undefined ? "http" : "https"}://${urlHost}:${port}`;
    this.#options = { ...CLIENT_SESSION_OPTIONS, ...(tls?.ca === undefined ? {} : { ca: tls.ca }) };
  }

  /** Calls that have not ended. */
  get openCalls(): number {
    return this.#calls.size;
  }

  /** Starts a call of any kind. Failures, also of the connection, come out of its reader and writer. */
  open(path: string, { metadata = {}, timeoutMs, signal }: CallOptions = {}): ClientCall {
    const headers: OutgoingHttpHeaders = {
      ":method": "POST",
      ":path": path,
      te: "trailers",
      "content-type": "application/grpc",
      "grpc-accept-encoding": "identity",
    };
    if (timeoutMs !== undefined) headers["grpc-timeout"] = formatTimeout(timeoutMs);
    for (const [name, value] of Object.entries(metadata)) setMetadata(headers, name, value);
    const reset = new AbortController();
    const stream = this.#connected().request(headers, { signal: reset.signal });
    const call = new Http2ClientCall(stream, reset, { timeoutMs, signal });
    this.#calls.add(call);
    stream.once("close", () => this.#calls.delete(call));
    return call;
  }

  /**
   * Sends one message and waits for the one answer (a view when it came in one chunk).
   * @throws {CacheError} the error the server answered with; OBJECT_TOO_LARGE for an answer over the limit
   */
  async unary(path: string, request: Uint8Array, options: CallOptions = {}): Promise<Buffer> {
    const call = this.open(path, options);
    try {
      // Nothing comes behind the request, so nobody has to wait until it is sent.
      void call.write([request]);
      call.endRequests();
      const message = await call.responses.next();
      if (message === null) throw new CacheError("INVALID_REQUEST", "the server answered without a message");
      const response = await message.collect(LIMITS.unaryMessageBytesMax);
      if ((await call.responses.next()) === null) return response;
      throw new CacheError("INVALID_REQUEST", "the server answered more than one message");
    } catch (error) {
      call.cancel();
      throw error;
    }
  }

  #connected(): ClientHttp2Session {
    const session = this.#session;
    if (session !== undefined && !session.closed && !session.destroyed) return session;
    const fresh = connect(this.#authority, this.#options);
    fresh.once("connect", () => openSessionWindow(fresh));
    // Each call is told by its own stream.
    fresh.on("error", () => undefined);
    this.#session = fresh;
    return fresh;
  }

  /** Ends the connection; calls under way end with CANCELLED. */
  async close(): Promise<void> {
    for (const call of this.#calls) call.cancel();
    const session = this.#session;
    this.#session = undefined;
    if (session === undefined) return;
    // Not from within its own frames: node 20 can spin for ever then.
    await setImmediate();
    if (session.destroyed) return;
    await new Promise<void>((resolve) => {
      session.once("close", resolve);
      session.destroy();
    });
  }
}
