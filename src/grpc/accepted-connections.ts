/**
 * The open connections of a server, from accept to close, under one limit.
 *
 * If the limit is reached, the longest idle connection is closed for a new one. One peer address has
 * at most a share of the limit, so that it cannot lock out the others. Independent of TLS and of the
 * protocol: a socket is known here before its first byte.
 */
import type { Socket } from "node:net";
import { LIMITS } from "../limits.ts";
import { type Log, logFor } from "../log.ts";

const grpcLog = logFor("grpc");

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

export interface AcceptOptions {
  /** Default LIMITS.connectionsMax. */
  readonly connectionsMax?: number | undefined;
  /** Counts connections of several listeners towards the same limit. */
  readonly count?: ConnectionCount;
  /** Called each time the last connection has closed. */
  readonly onEmpty?: () => void;
  readonly log?: Log;
}

export class AcceptedConnections {
  readonly #accepted = new Map<Socket, Accepted>();
  /** Number of connections by address. */
  readonly #addresses = new Map<string, number>();
  readonly #options: AcceptOptions;
  readonly #log: Log;
  /** Refused for the limit, since the start. */
  refused = 0;

  constructor(options: AcceptOptions = {}) {
    this.#options = options;
    this.#log = options.log ?? grpcLog;
  }

  get size(): number {
    return this.#accepted.size;
  }

  /** Undefined if the connection is refused; its socket is then destroyed. */
  accept(socket: Socket): Accepted | undefined {
    const address = socket.remoteAddress ?? "";
    if (!this.#admit(address)) {
      this.refused += 1;
      this.#options.count?.refuse();
      socket.destroy();
      return undefined;
    }
    const accepted = { socket, address, lastUsedMs: performance.now(), isBusy: false };
    this.#accepted.set(socket, accepted);
    this.#addresses.set(address, this.#openOf(address) + 1);
    this.#options.count?.add(1);
    // TLS and HTTP handle errors too, but only after they own the socket.
    socket.on("error", (error) => this.#log.debug("connection failed", { error }));
    socket.once("close", () => {
      this.#forget(accepted);
      if (this.#accepted.size === 0) this.#options.onEmpty?.();
    });
    return accepted;
  }

  destroyAll(): void {
    for (const socket of this.#accepted.keys()) socket.destroy();
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
      this.#log.warn("connection refused: the limit is reached and every connection has calls", facts);
      return false;
    }
    this.#log.debug("idle connection closed for a new one", facts);
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
}
