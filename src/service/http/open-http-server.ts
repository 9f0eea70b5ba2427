/**
 * Opens the node:http or node:https server of a listener, with its limits.
 *
 * A silent or slow connection cannot exhaust the listener: handshakes and headers have deadlines,
 * and if the limit on connections is reached, the longest idle connection is closed for a new one.
 * A client certificate that does not verify is refused before the first request.
 */
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from "node:http";
import { createServer as createHttpsServer } from "node:https";
import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { TLSSocket } from "node:tls";
import { type Accepted, AcceptedConnections } from "../../grpc/accepted-connections.ts";
import type { ClientCertificate } from "../../grpc/call.ts";
import { presentedCertificate } from "../../grpc/client-certificate.ts";
import { formatPeer } from "../../grpc/peer-address.ts";
import { tlsServerOptions } from "../../grpc/secure-context.ts";
import type { ServerTls } from "../../grpc/server-transport.ts";
import { TlsHandshakes } from "../../grpc/tls-handshakes.ts";
import { LIMITS } from "../../limits.ts";
import { logFor } from "../../log.ts";
import { ArrivingBody } from "./arriving-body.ts";
import { PacedSocket } from "./paced-socket.ts";

const log = logFor("http");

const OPTIONS = {
  maxHeaderSize: LIMITS.httpHeaderBytesMax,
  headersTimeout: LIMITS.httpHeadersTimeoutMs,
  // A body may take long; its handler ends it when nothing moves.
  requestTimeout: 0,
  keepAliveTimeout: LIMITS.httpKeepAliveMs,
  connectionsCheckingInterval: LIMITS.sweepIntervalMs,
} as const;

/** Of connections with a verified client certificate. */
const CERTIFICATES = new WeakMap<Socket, ClientCertificate>();

/** The verified client certificate of a connection. */
export function certificateOf(socket: Socket): ClientCertificate | undefined {
  return CERTIFICATES.get(socket);
}

/** @throws if certificate and key cannot be used. */
export function openHttpServer(tls: ServerTls | undefined, onRequest: RequestListener): Server {
  const server =
    tls === undefined ? createServer(OPTIONS) : createHttpsServer({ ...OPTIONS, ...tlsServerOptions(tls) });
  const connections = new HttpConnections(tls);
  server.on("connection", (socket: Socket) => {
    // As node:http does for its own limit, so that refused connections are counted in one way.
    if (!connections.accept(socket)) server.emit("drop");
  });
  server.on("secureConnection", (socket: TLSSocket) => connections.secured(socket));
  for (const event of ["request", "checkContinue"]) {
    server.on(event, (request: IncomingMessage, response: ServerResponse & { req: IncomingMessage }) => {
      if (hasBody(request)) ArrivingBody.of(request);
      connections.began(request, response, () => onRequest(request, response));
    });
  }
  server.on("clientError", (error, socket) => {
    log.debug("connection broken", { error });
    if (connections.isReady(socket)) refuseConnection(error, socket);
    else socket.destroy();
  });
  return server;
}

/** Bytes that are not HTTP. No request could be answered on this connection any more. */
function refuseConnection(error: NodeJS.ErrnoException, socket: Duplex): void {
  const status =
    error.code === "HPE_HEADER_OVERFLOW" ? "431 Request Header Fields Too Large" : "400 Bad Request";
  if (socket.writable && error.code !== "ECONNRESET") {
    socket.end(`HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`);
  }
  if (socket instanceof Socket) socket.destroySoon();
  else socket.destroy();
}

interface HttpConnection {
  readonly accepted: Accepted;
  /** Start requests that the client sent before the answer to an earlier one (pipelining). */
  readonly waiting: (() => void)[];
}

class HttpConnections {
  readonly #connections = new AcceptedConnections({ connectionsMax: LIMITS.httpConnectionsMax, log });
  readonly #handshakes = new TlsHandshakes(log);
  /** By the socket of their requests. */
  readonly #ready = new WeakMap<Socket, HttpConnection>();
  readonly #tls: ServerTls | undefined;

  constructor(tls: ServerTls | undefined) {
    this.#tls = tls;
  }

  /** False if the connection is refused. */
  accept(socket: Socket): boolean {
    const accepted = this.#connections.accept(socket);
    if (accepted === undefined) return false;
    if (this.#tls === undefined) this.#opened(socket, accepted);
    else this.#handshakes.begin(accepted);
    return true;
  }

  #opened(socket: Socket, accepted: Accepted): void {
    this.#ready.set(socket, { accepted, waiting: [] });
    PacedSocket.of(socket);
  }

  /** False during a TLS handshake: then nothing can be answered. */
  isReady(socket: Duplex): boolean {
    return socket instanceof Socket && this.#ready.has(socket);
  }

  secured(socket: TLSSocket): void {
    const accepted = this.#handshakes.end(socket);
    if (accepted === undefined) socket.destroy();
    else this.#opened(socket, accepted);
    if (this.#tls?.clients !== undefined) verifyClient(socket);
  }

  /**
   * Handles one request of a connection at a time: node:http would start all that were sent, and
   * would not report to the later ones that the connection is closed. A connection that runs a
   * request is not idle, so it is not closed for a new one.
   */
  began(request: IncomingMessage, response: ServerResponse, handle: () => void): void {
    const { socket } = request;
    const connection = this.#ready.get(socket);
    if (connection === undefined || socket.destroyed) return;
    const { accepted, waiting } = connection;
    const start = (): void => {
      accepted.isBusy = true;
      response.once("close", () => {
        // The next request follows the body, whether a handler has read it or not.
        if (hasBody(request)) ArrivingBody.of(request).drop();
        accepted.isBusy = false;
        accepted.lastUsedMs = performance.now();
        const next = waiting.shift();
        if (!socket.destroyed) next?.();
      });
      handle();
    };
    if (!accepted.isBusy) start();
    else if (waiting.length < LIMITS.httpPipelinedMax) waiting.push(start);
    else socket.destroy();
  }
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers["transfer-encoding"] !== undefined || (headers["content-length"] ?? "0") !== "0";
}

function verifyClient(socket: TLSSocket): void {
  const presented = presentedCertificate(socket);
  if (presented.kind === "accepted") {
    if (presented.certificate !== undefined) CERTIFICATES.set(socket, presented.certificate);
    return;
  }
  log.debug("client certificate refused", { reason: presented.reason, peer: formatPeer(socket) });
  socket.destroy();
}
