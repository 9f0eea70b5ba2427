/**
 * The TCP side of the server: listening addresses and accepted connections.
 *
 * All addresses share one limit on connections. This module tracks each socket from accept to
 * close, independent of TLS and HTTP/2, so that the server can always close it.
 */
import { createServer, type Server, type Socket } from "node:net";
import { logFor } from "../log.ts";
import { type Accepted, AcceptedConnections, type ConnectionCount } from "./accepted-connections.ts";

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

export class Listeners {
  readonly #servers = new Set<Server>();
  readonly #accepted: AcceptedConnections;
  readonly #onConnection: (accepted: Accepted) => void;
  readonly #options: ListenOptions;

  /** @param onEmpty called each time the last connection has closed */
  constructor(onConnection: (accepted: Accepted) => void, onEmpty: () => void, options: ListenOptions = {}) {
    this.#onConnection = onConnection;
    this.#accepted = new AcceptedConnections({ ...options, onEmpty });
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
    const accepted = this.#accepted.accept(socket);
    if (accepted !== undefined) this.#onConnection(accepted);
  }

  /** Refused for the limit, since the start. */
  get refusedConnections(): number {
    return this.#accepted.refused;
  }

  /** Accepts no new connections; existing ones stay open. */
  stopListening(): void {
    for (const server of this.#servers) server.close();
    this.#servers.clear();
  }

  destroyConnections(): void {
    this.#accepted.destroyAll();
  }
}
