/**
 * The transport whose sockets, TLS and HTTP/2 run in this thread.
 *
 * It sweeps for stalled connections every second.
 */
import type { Socket } from "node:net";
import { createServer as createTlsServer, type TLSSocket, type Server as TlsServer } from "node:tls";
import { THREAD_POLL } from "../busy-poll.ts";
import type { CallMemory } from "../http2/call-memory.ts";
import { ServerConnection } from "../http2/server-connection.ts";
import { LIMITS } from "../limits.ts";
import { logFor } from "../log.ts";
import { THREAD_TURNS } from "../loop-turns.ts";
import type { Accepted } from "./accepted-connections.ts";
import type { ClientCertificate } from "./call.ts";
import type { CallConnection } from "./call-stream.ts";
import { NO_CERTIFICATE, presentedCertificate } from "./client-certificate.ts";
import { type ListenAddress, Listeners, type ListenOptions } from "./listeners.ts";
import { formatPeer, isOwnAddress } from "./peer-address.ts";
import { secureContextOptions, tlsServerOptions } from "./secure-context.ts";
import type { ServerTls, ServerTransport, TransportListener } from "./server-transport.ts";
import { TlsHandshakes } from "./tls-handshakes.ts";

const log = logFor("grpc");

export interface LocalTransportOptions {
  readonly tls?: ServerTls | undefined;
  readonly listenOptions?: ListenOptions;
  readonly memory: CallMemory;
}

export class LocalTransport implements ServerTransport {
  readonly #listener: TransportListener;
  readonly #memory: CallMemory;
  readonly #tls: TlsServer | undefined;
  readonly #handshakes = new TlsHandshakes();
  readonly #requestsCertificates: boolean;
  readonly #listeners: Listeners;
  readonly #connections = new Set<ServerConnection>();
  readonly #sweep: NodeJS.Timeout;
  #isDraining = false;

  /** @throws if certificate and key cannot be used. */
  constructor(listener: TransportListener, { tls, listenOptions, memory }: LocalTransportOptions) {
    this.#listener = listener;
    this.#memory = memory;
    // This server only runs handshakes; the listeners own all addresses.
    this.#tls = tls && this.#openTls(tls);
    this.#requestsCertificates = tls?.clients !== undefined;
    this.#listeners = new Listeners(
      (accepted) =>
        this.#tls === undefined ? this.#serve(accepted, accepted.socket, undefined) : this.#secure(accepted),
      () => listener.onEmpty(),
      listenOptions,
    );
    this.#sweep = setInterval(() => this.#sweepAll(), LIMITS.sweepIntervalMs).unref();
  }

  get connections(): number {
    return this.#listeners.connections;
  }

  get refusedConnections(): number {
    return this.#listeners.refusedConnections;
  }

  listen(host: string, port: number): Promise<ListenAddress> {
    return this.#listeners.listen(host, port);
  }

  setTls(tls: ServerTls): undefined {
    this.#tls?.setSecureContext(secureContextOptions(tls));
  }

  #openTls(tls: ServerTls): TlsServer {
    const options = { ...tlsServerOptions(tls), ALPNProtocols: ["h2"] };
    const server = createTlsServer(options, (socket) => this.#serveTls(socket));
    server.on("tlsClientError", (error, { authorizationError }) =>
      log.debug("connection broken", { error, ...(authorizationError && { authorizationError }) }),
    );
    return server;
  }

  /**
   * TLS costs 50 KB before its first byte, so it starts with the client's first byte: a silent
   * socket costs no more than without TLS.
   */
  #secure(accepted: Accepted): void {
    const { socket } = accepted;
    this.#handshakes.begin(accepted);
    socket.once("readable", () => {
      if (!socket.destroyed) this.#tls?.emit("connection", socket);
    });
  }

  #serveTls(socket: TLSSocket): void {
    const accepted = this.#handshakes.end(socket);
    if (accepted === undefined || socket.alpnProtocol !== "h2") {
      socket.destroy();
      return;
    }
    const presented = this.#requestsCertificates ? presentedCertificate(socket) : NO_CERTIFICATE;
    if (presented.kind === "refused") {
      log.debug("client certificate refused", { reason: presented.reason, peer: formatPeer(socket) });
      socket.destroy();
    } else this.#serve(accepted, socket, presented.certificate);
  }

  #serve(accepted: Accepted, socket: Socket, clientCertificate: ClientCertificate | undefined): void {
    const facts: CallConnection = {
      peer: formatPeer(socket),
      isFromThisHost: isOwnAddress(socket),
      clientCertificate,
      countMessage: () => connection.guard.countMessage(),
    };
    const connection = new ServerConnection({
      socket,
      memory: this.#memory.open(accepted.address),
      turns: THREAD_TURNS,
      onStream: (stream) => this.#listener.onStream(stream, facts),
      onBusy: (isBusy) => {
        accepted.isBusy = isBusy;
        accepted.lastUsedMs = performance.now();
        if (!isBusy) THREAD_POLL.answered();
      },
      onClosed: () => this.#connections.delete(connection),
    });
    this.#connections.add(connection);
    if (this.#isDraining) connection.drain();
  }

  #sweepAll(): void {
    const nowMs = performance.now();
    for (const connection of this.#connections) connection.sweep(nowMs);
  }

  drain(): undefined {
    this.#isDraining = true;
    this.#listeners.stopListening();
    for (const connection of this.#connections) connection.drain();
  }

  destroyConnections(): void {
    this.#listeners.destroyConnections();
  }

  close(): undefined {
    clearInterval(this.#sweep);
  }
}
