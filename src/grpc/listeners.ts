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
  /** LIMITS.connectionsMax by default. */
  readonly connectionsMax?: number | undefined;
  /** How many connections are open where others count towards the same bound; told of each that comes and goes. */
  readonly count?: ConnectionCount;
}

/** One connection, from accept to close. */
export interface Accepted {
  readonly socket: Socket;
  /** The peer's address, without its port. */
  readonly address: string;
  /** When it was accepted, or had a call last, on the clock of `performance.now`. */
  lastUsedMs: number;
  /** True while calls are under way on it. */
  isBusy: boolean;
}

/** Counts open connections. */
export interface ConnectionCount {
  /** Of all who count together. */
  readonly total: number;
  add(connections: number): void;
}

export class Listeners {
  readonly #servers = new Set<Server>();
  readonly #accepted = new Map<Socket, Accepted>();
  /** How many connections each address has. */
  readonly #addresses = new Map<string, number>();
  readonly #onConnection: (accepted: Accepted) => void;
  readonly #onEmpty: () => void;
  readonly #manner: ListenManner;

  /** @param onEmpty called whenever the last connection is gone */
  constructor(onConnection: (accepted: Accepted) => void, onEmpty: () => void, manner: ListenManner = {}) {
    this.#onConnection = onConnection;
    this.#onEmpty = onEmpty;
    this.#manner = manner;
  }

  get connections(): number {
    return this.#accepted.size;
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
    const address = socket.remoteAddress ?? "";
    if (!this.#makeRoom(address)) {
      socket.destroy();
      return;
    }
    const accepted = { socket, address, lastUsedMs: performance.now(), isBusy: false };
    this.#accepted.set(socket, accepted);
    this.#addresses.set(address, this.#openOf(address) + 1);
    count?.add(1);
    // Who uses the socket hears of its errors too; before TLS or HTTP/2 have it nobody would.
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
    this.#manner.count?.add(-1);
    const open = this.#openOf(address) - 1;
    if (open > 0) this.#addresses.set(address, open);
    else this.#addresses.delete(address);
  }

  /** Where all places are taken the longest idle connection gives way: of this address, when it has its share. */
  #makeRoom(address: string): boolean {
    const open = this.#manner.count?.total ?? this.#accepted.size;
    const { connectionsMax = LIMITS.connectionsMax } = this.#manner;
    const hasShare = this.#openOf(address) >= Math.ceil(connectionsMax * LIMITS.connectionsPeerShare);
    if (open < connectionsMax && !hasShare) return true;
    const idle = this.#longestIdle(hasShare ? address : undefined);
    const facts = { connections: open, address, ofAddress: this.#openOf(address) };
    if (idle === undefined) {
      log.warn("connection refused: too many are open, and all have calls", facts);
      return false;
    }
    log.debug("an idle connection gives way to a new one", facts);
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

  /** Takes no new connections; those there are stay. */
  stopListening(): void {
    for (const server of this.#servers) server.close();
    this.#servers.clear();
  }

  destroyConnections(): void {
    for (const socket of this.#accepted.keys()) socket.destroy();
  }
}
