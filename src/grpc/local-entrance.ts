/**
 * The entrance whose sockets, TLS and HTTP/2 are this thread's.
 */
import type { Socket } from "node:net";
import { createServer as createTlsServer, type TLSSocket, type Server as TlsServer } from "node:tls";
import { ServerConnection } from "../http2/server-connection.ts";
import { LIMITS } from "../limits.ts";
import { logFor } from "../log.ts";
import type { CallConnection } from "./call-stream.ts";
import type { Entrance, EntranceListener, ServerTls } from "./entrance.ts";
import { type ListenAddress, Listeners, type ListenManner } from "./listeners.ts";
import { formatPeer, isOwnAddress } from "./peer-address.ts";

const log = logFor("grpc");

export class LocalEntrance implements Entrance {
  readonly #listener: EntranceListener;
  readonly #tls: TlsServer | undefined;
  readonly #listeners: Listeners;
  readonly #connections = new Set<ServerConnection>();
  #isLeaving = false;

  /** @throws when certificate and key cannot be used. */
  constructor(listener: EntranceListener, tls?: ServerTls, manner?: ListenManner) {
    this.#listener = listener;
    // It takes handshakes and listens nowhere: all addresses are the listeners'.
    this.#tls = tls && createTlsServer(tlsOptions(tls), (socket) => this.#serveTls(socket));
    this.#tls?.on("tlsClientError", (error) => log.debug("connection broken", { error }));
    this.#listeners = new Listeners(
      (socket) => {
        if (this.#tls === undefined) this.#serve(socket);
        else this.#tls.emit("connection", socket);
      },
      () => listener.onEmpty(),
      manner,
    );
  }

  get connections(): number {
    return this.#listeners.connections;
  }

  listen(host: string, port: number): Promise<ListenAddress> {
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
      onStream: (stream) => this.#listener.onStream(stream, facts),
      onClosed: () => this.#connections.delete(connection),
    });
    this.#connections.add(connection);
    if (this.#isLeaving) connection.leave();
  }

  leave(): undefined {
    this.#isLeaving = true;
    this.#listeners.stopListening();
    for (const connection of this.#connections) connection.leave();
  }

  destroyConnections(): void {
    this.#listeners.destroyConnections();
  }

  close(): undefined {}
}

function tlsOptions({ cert, key, ca }: ServerTls) {
  const authority = ca === undefined ? {} : { ca };
  return { cert, key, ...authority, ALPNProtocols: ["h2"], handshakeTimeout: LIMITS.tlsHandshakeTimeoutMs };
}
