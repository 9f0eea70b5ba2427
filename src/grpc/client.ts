/**
 * A small gRPC client on node:http2 with one connection, opened on demand and reopened after a
 * loss.
 *
 * It does not retry calls or balance load: only the caller knows which calls may be repeated. Use
 * two clients for large transfers in both directions: on one connection they can block each other.
 */
import type { OutgoingHttpHeaders } from "node:http2";
import { CacheError } from "../errors.ts";
import { LIMITS } from "../limits.ts";
import { type ClientCall, Http2ClientCall } from "./client-call.ts";
import { ClientConnection, type ConnectionOptions } from "./client-connection.ts";
import { type MetadataEntries, setMetadata } from "./metadata.ts";
import { formatTimeout } from "./timeout.ts";

export interface GrpcClientOptions extends ConnectionOptions {
  readonly host: string;
  readonly port: number;
}

export interface CallOptions {
  readonly metadata?: MetadataEntries;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

export class GrpcClient {
  readonly #authority: string;
  readonly #options: ConnectionOptions;
  readonly #calls = new Set<ClientCall>();
  #connection: ClientConnection | undefined;

  constructor({ host, port, ...options }: GrpcClientOptions) {
    this.#authority = `${host.includes(":") ? `[${host}]` : host}:${port}`;
    this.#options = options;
  }

  get openCalls(): number {
    return this.#calls.size;
  }

  /**
   * True if the connection of earlier calls was lost: a new call may reach another server process.
   */
  get hasLostConnection(): boolean {
    return this.#connection?.isUsable === false;
  }

  /**
   * Starts a call of any kind. All failures, including those of the connection, come from its
   * reader and writer.
   */
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
    const connection = this.#connected();
    const stream = connection.open(headers, reset.signal);
    const call = new Http2ClientCall(stream, reset, { timeoutMs, signal, onReceived: connection.received });
    this.#calls.add(call);
    stream.once("close", () => this.#calls.delete(call));
    return call;
  }

  /**
   * Sends one message and returns the one answer (a view if it came in one chunk).
   * @throws {CacheError} the error of the server; OBJECT_TOO_LARGE for an answer over the limit
   */
  async unary(path: string, request: Uint8Array, options: CallOptions = {}): Promise<Buffer> {
    const call = this.open(path, options);
    try {
      // Nothing follows the request, so there is no need to wait until it is sent.
      void call.write([request]);
      call.endRequests();
      const message = await call.responses.next();
      if (message === null) throw new CacheError("INVALID_REQUEST", "the server sent no message");
      const response = await message.collect(LIMITS.unaryMessageBytesMax);
      if ((await call.responses.next()) === null) return response;
      throw new CacheError("INVALID_REQUEST", "the server sent more than one message");
    } catch (error) {
      call.cancel();
      throw error;
    }
  }

  #connected(): ClientConnection {
    if (this.#connection?.isUsable !== true) {
      this.#connection = new ClientConnection(this.#authority, this.#options);
    }
    return this.#connection;
  }

  /** Closes the connection. Running calls end with CANCELLED. */
  async close(): Promise<void> {
    for (const call of this.#calls) call.cancel();
    const connection = this.#connection;
    this.#connection = undefined;
    await connection?.close();
  }
}
