/**
 * The TCP side of the server: addresses that are listened on, and the connections they took.
 *
 * All addresses share one bound on connections. A socket is ours from accept to close, whatever TLS or HTTP/2 think of
 * it, so that stopping can always end it.
 */
import { createServer, type Server, type Socket } from "node:net";
import { LIMITS } from "../limits.ts";
import { logFor } from "../log.ts";

const log = logFor("grpc");

export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/** How addresses are listened on, where that is not as usual. */
export interface ListenManner {
  /** The port may be listened on by others of this user as well; the system shares the connections out. */
  readonly reusePort?: boolean;
  /** How many connections are open where others count towards the same bound; told of each that comes and goes. */
  readonly count?: ConnectionCount;
}

/** Counts open connections. */
export interface ConnectionCount {
  /** Of all who count together. */
  readonly total: number;
  add(connections: number): void;
}

export class Listeners {
  readonly #servers = new Set<Server>();
  readonly #sockets = new Set<Socket>();
  readonly #onConnection: (socket: Socket) => void;
  readonly #onEmpty: () => void;
  readonly #manner: ListenManner;

  /** @param onEmpty called whenever the last connection is gone */
  constructor(onConnection: (socket: Socket) => void, onEmpty: () => void, manner: ListenManner = {}) {
    this.#onConnection = onConnection;
    this.#onEmpty = onEmpty;
    this.#manner = manner;
  }

  get connections(): number {
    return this.#sockets.size;
  }

  /** Listens on one more address; port 0 picks a free one. Rejects with the error of the system. */
  listen(host: string, port: number): Promise<ListenAddress> {
    const server = createServer({ noDelay: true }, (socket) => this.#accept(socket));
    return new Promise((resolve, reject) => {
      server.once("error", reject);
      const { reusePort } = this.#manner;
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
    const { count } = this.#manner;
    const open = count?.total ?? this.#sockets.size;
    if (open >= LIMITS.sessionsMax) {
      log.warn("connection refused, too many are open", { connections: open });
      socket.destroy();
      return;
    }
    this.#sockets.add(socket);
    count?.add(1);
    // Who uses the socket hears of its errors too; before TLS or HTTP/2 have it nobody would.
    socket.on("error", (error) => log.debug("connection failed", { error }));
    socket.once("close", () => {
      this.#sockets.delete(socket);
      count?.add(-1);
      if (this.#sockets.size === 0) this.#onEmpty();
    });
    this.#onConnection(socket);
  }

  /** Takes no new connections; those there are stay. */
  stopListening(): void {
    for (const server of this.#servers) server.close();
    this.#servers.clear();
  }

  destroyConnections(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}
