/**
 * The transport whose sockets, TLS and HTTP/2 run in this thread.
 *
 * It sweeps for stalled connections every second.
 */
import type { Socket } from "node:net";
import { createServer as createTlsServer, type TLSSocket, type Server as TlsServer } from "node:tls";
import type { CallMemory } from "../http2/call-memory.ts";
import { LoopTurns } from "../http2/loop-turns.ts";
import { ServerConnection } from "../http2/server-connection.ts";
import { LIMITS } from "../limits.ts";
import { logFor } from "../log.ts";
import type { CallConnection } from "./call-stream.ts";
import { type Accepted, type ListenAddress, Listeners, type ListenOptions } from "./listeners.ts";
import { formatPeer, isOwnAddress } from "./peer-address.ts";
import type { ServerTls, ServerTransport, TransportListener } from "./server-transport.ts";

const log = logFor("grpc");

export interface LocalTransportOptions {
  readonly tls?: ServerTls | undefined;
  readonly listenOptions?: ListenOptions;
  readonly memory: CallMemory;
}

interface Handshake {
  readonly accepted: Accepted;
  readonly deadline: NodeJS.Timeout;
}

export class LocalTransport implements ServerTransport {
  readonly #listener: TransportListener;
  readonly #memory: CallMemory;
  readonly #turns = new LoopTurns();
  readonly #tls: TlsServer | undefined;
  /**
   * Connections in a TLS handshake, by their addresses: a TLS socket does not expose its raw
   * socket.
   */
  readonly #handshakes = new Map<string, Handshake>();
  readonly #listeners: Listeners;
  readonly #connections = new Set<ServerConnection>();
  readonly #sweep: NodeJS.Timeout;
  #isDraining = false;

  /** @throws if certificate and key cannot be used. */
  constructor(listener: TransportListener, { tls, listenOptions, memory }: LocalTransportOptions) {
    this.#listener = listener;
    this.#memory = memory;
    // This server only runs handshakes; the listeners own all addresses.
    this.#tls = tls && createTlsServer(tlsOptions(tls), (socket) => this.#serveTls(socket));
    this.#tls?.on("tlsClientError", (error) => log.debug("connection broken", { error }));
    this.#listeners = new Listeners(
      (accepted) =>
        this.#tls === undefined ? this.#serve(accepted, accepted.socket) : this.#secure(accepted),
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

  /**
   * Starts TLS. node:tls only reports a handshake timeout, so the socket is closed here. TLS costs
   * 50 KB before its first byte, so it starts with the client's first byte: a silent socket costs
   * no more than without TLS.
   */
  #secure(accepted: Accepted): void {
    const { socket } = accepted;
    const name = addressesOf(socket);
    const deadline = setTimeout(() => {
      log.debug("connection closed", { reason: "the TLS handshake timed out", peer: formatPeer(socket) });
      socket.destroy();
    }, LIMITS.tlsHandshakeTimeoutMs).unref();
    this.#handshakes.set(name, { accepted, deadline });
    socket.once("close", () => this.#endHandshake(name));
    socket.once("readable", () => {
      if (!socket.destroyed) this.#tls?.emit("connection", socket);
    });
  }

  #endHandshake(name: string): Accepted | undefined {
    const handshake = this.#handshakes.get(name);
    clearTimeout(handshake?.deadline);
    this.#handshakes.delete(name);
    return handshake?.accepted;
  }

  #serveTls(socket: TLSSocket): void {
    const accepted = this.#endHandshake(addressesOf(socket));
    if (accepted !== undefined && socket.alpnProtocol === "h2") this.#serve(accepted, socket);
    else socket.destroy();
  }

  #serve(accepted: Accepted, socket: Socket): void {
    const facts: CallConnection = {
      peer: formatPeer(socket),
      isFromThisHost: isOwnAddress(socket),
      countMessage: () => connection.guard.countMessage(),
    };
    const connection = new ServerConnection({
      socket,
      memory: this.#memory.open(accepted.address),
      turns: this.#turns,
      onStream: (stream) => this.#listener.onStream(stream, facts),
      onBusy: (isBusy) => {
        accepted.isBusy = isBusy;
        accepted.lastUsedMs = performance.now();
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

function addressesOf({ remoteAddress, remotePort, localAddress, localPort }: Socket): string {
  return `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`;
}

function tlsOptions({ cert, key, ca }: ServerTls) {
  const authority = ca === undefined ? {} : { ca };
  return { cert, key, ...authority, ALPNProtocols: ["h2"], handshakeTimeout: LIMITS.tlsHandshakeTimeoutMs };
}
