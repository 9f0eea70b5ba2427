/**
 * The TCP side of the server: listening addresses and accepted connections.
 *
 * All addresses share one limit on connections. This module tracks each socket from accept to
 * close, independent of TLS and HTTP/2, so that the server can always close it.
 */
import { createServer, type Server, type Socket } from "node:net";
import { LIMITS } from "../limits.ts";
import { logFor } from "../log.ts";

const log = logFor("grpc");

export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/** Options of listening. */
export interface ListenOptions {
  /**
   * Other processes of this user may listen on the port too; the system distributes the
   * connections.
   */
  readonly reusePort?: boolean;
  /** Default LIMITS.connectionsMax. */
  readonly connectionsMax?: number | undefined;
  /** Counts connections of several listeners towards the same limit. */
  readonly count?: ConnectionCount;
}

/** One connection, from accept to close. */
export interface Accepted {
  readonly socket: Socket;
  /** The peer's address, without its port. */
  readonly address: string;
  /** Time of accept, or of its last call, on the clock of `performance.now`. */
  lastUsedMs: number;
  /** True while it has running calls. */
  isBusy: boolean;
}

/** Counts open connections. */
export interface ConnectionCount {
  /** Sum over all listeners that share the count. */
  readonly total: number;
  add(connections: number): void;
  /** A connection was refused. */
  refuse(): void;
}

export class Listeners {
  readonly #servers = new Set<Server>();
  readonly #accepted = new Map<Socket, Accepted>();
  /** Number of connections by address. */
  readonly #addresses = new Map<string, number>();
  /** Refused for the limit, since the start. */
  refusedConnections = 0;
  readonly #onConnection: (accepted: Accepted) => void;
  readonly #onEmpty: () => void;
  readonly #options: ListenOptions;

  /** @param onEmpty called each time the last connection has closed */
  constructor(onConnection: (accepted: Accepted) => void, onEmpty: () => void, options: ListenOptions = {}) {
    this.#onConnection = onConnection;
    this.#onEmpty = onEmpty;
    this.#options = options;
  }

  get connections(): number {
    return this.#accepted.size;
  }

  /** Listens on one more address; port 0 picks a free port. Rejects with the system error. */
  listen(host: string, port: number): Promise<ListenAddress> {
    const server = createServer({ noDelay: true }, (socket) => this.#accept(socket));
    return new Promise((resolve, reject) => {
      server.once("error", reject);
      const { reusePort } = this.#options;
      const sharing = reusePort === undefined ? {} : { reusePort };
      server.listen({ host, port, ...sharing }, () => {
        server.off("error", reject);
        server.on("error", (error) => log.error("listener failed", { host, error }));
        this.#servers.add(server);
        const address = server.address();
        resolve({ host, port: typeof address === "object" && address !== null ? address.port : port });
      });
    });
  }

  #accept(socket: Socket): void {
    const { count } = this.#options;
    const address = socket.remoteAddress ?? "";
    if (!this.#admit(address)) {
      this.refusedConnections += 1;
      count?.refuse();
      socket.destroy();
      return;
    }
    const accepted = { socket, address, lastUsedMs: performance.now(), isBusy: false };
    this.#accepted.set(socket, accepted);
    this.#addresses.set(address, this.#openOf(address) + 1);
    count?.add(1);
    // TLS and HTTP/2 handle errors too, but only after they own the socket.
    socket.on("error", (error) => log.debug("connection failed", { error }));
    socket.once("close", () => {
      this.#forget(accepted);
      if (this.#accepted.size === 0) this.#onEmpty();
    });
    this.#onConnection(accepted);
  }

  #openOf(address: string): number {
    return this.#addresses.get(address) ?? 0;
  }

  #forget({ socket, address }: Accepted): void {
    if (!this.#accepted.delete(socket)) return;
    this.#options.count?.add(-1);
    const open = this.#openOf(address) - 1;
    if (open > 0) this.#addresses.set(address, open);
    else this.#addresses.delete(address);
  }

  /**
   * Whether one more connection of this address is accepted. If the limit is reached, closes the
   * longest idle connection for it; if the address has its full share, one of that address.
   */
  #admit(address: string): boolean {
    const open = this.#options.count?.total ?? this.#accepted.size;
    const { connectionsMax = LIMITS.connectionsMax } = this.#options;
    const hasFullShare = this.#openOf(address) >= Math.ceil(connectionsMax * LIMITS.connectionsPeerShare);
    if (open < connectionsMax && !hasFullShare) return true;
    const idle = this.#longestIdle(hasFullShare ? address : undefined);
    const facts = { connections: open, address, ofAddress: this.#openOf(address) };
    if (idle === undefined) {
      log.warn("connection refused: the limit is reached and every connection has calls", facts);
      return false;
    }
    log.debug("idle connection closed for a new one", facts);
    idle.socket.destroy();
    this.#forget(idle);
    return true;
  }

  #longestIdle(address: string | undefined): Accepted | undefined {
    let idle: Accepted | undefined;
    for (const each of this.#accepted.values()) {
      if (each.isBusy || (address !== undefined && each.address !== address)) continue;
      if (idle === undefined || each.lastUsedMs < idle.lastUsedMs) idle = each;
    }
    return idle;
  }

  /** Accepts no new connections; existing ones stay open. */
  stopListening(): void {
    for (const server of this.#servers) server.close();
    this.#servers.clear();
  }

  destroyConnections(): void {
    for (const socket of this.#accepted.keys()) socket.destroy();
  }
}
