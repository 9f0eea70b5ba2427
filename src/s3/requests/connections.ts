/**
 * The connections to one store, over TCP or TLS: used again while they are open, at most
 * LIMITS.s3SocketsMax. Further users wait, in order.
 *
 * A connection has one user at a time, and keeps no process alive. One that is not used for
 * LIMITS.s3IdleSocketMs, or on which the store sends without a request, is closed.
 */
import { connect as connectTcp, isIP, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { LIMITS } from "../../limits.ts";
import type { StoreAddress } from "../store-options.ts";

/** Its methods are called until it releases the connection. */
export interface ConnectionUser {
  /** The connection is its own, and may still be connecting. */
  use(connection: Connection): void;
  /** The connection is open. Not called for one that was open before `use`. */
  opened(): void;
  received(chunk: Buffer): void;
  /** @param error absent: the store has ended it */
  closed(error: Error | undefined): void;
}

export interface Connection {
  readonly socket: Socket;
  isOpen: boolean;
  user: ConnectionUser | undefined;
}

export class Connections {
  readonly #address: StoreAddress;
  readonly #ca: string | undefined;
  readonly #all = new Set<Connection>();
  /** The last one was used last. */
  readonly #free: Connection[] = [];
  readonly #waiting = new Set<ConnectionUser>();
  /** Of the last TLS connection: the next one begins with less work. */
  #session: Buffer | undefined;

  constructor(address: StoreAddress, ca?: string) {
    this.#address = address;
    this.#ca = ca;
  }

  /** Calls `use`, now or when a connection is free. */
  acquire(user: ConnectionUser): void {
    const free = this.#free.pop();
    if (free !== undefined) this.#give(free, user);
    else if (this.#all.size < LIMITS.s3SocketsMax) this.#give(this.#open(), user);
    else this.#waiting.add(user);
  }

  /** The user does not wait any more. */
  withdraw(user: ConnectionUser): void {
    this.#waiting.delete(user);
  }

  /** @param isReusable false: it is in an unknown state and is closed */
  release(connection: Connection, isReusable: boolean): void {
    connection.user = undefined;
    const [next] = this.#waiting;
    if (!isReusable || connection.socket.destroyed) this.#drop(connection);
    else if (next === undefined) this.#free.push(connection);
    else this.#give(connection, next);
  }

  /** All users fail with the error, as if their connections were lost; also those that wait. */
  breakAll(error: Error): void {
    const used = [...this.#all].flatMap(({ user }) => user ?? []);
    for (const user of [...this.#waiting, ...used]) user.closed(error);
  }

  /** Closes all; their users, and those that wait, fail. */
  close(): void {
    this.breakAll(new Error("the connections to the store were closed"));
    for (const { socket } of [...this.#all]) socket.destroy();
  }

  #give(connection: Connection, user: ConnectionUser): void {
    this.#waiting.delete(user);
    connection.user = user;
    user.use(connection);
  }

  #drop(connection: Connection): void {
    connection.socket.destroy();
    if (!this.#all.delete(connection)) return;
    const place = this.#free.indexOf(connection);
    if (place >= 0) this.#free.splice(place, 1);
    // Later: a user whose time is over at the same moment does not wait any more.
    if (this.#waiting.size > 0) setImmediate(this.#openNext);
  }

  readonly #openNext = (): void => {
    const [next] = this.#waiting;
    if (next !== undefined && this.#all.size < LIMITS.s3SocketsMax) this.#give(this.#open(), next);
  };

  #open(): Connection {
    const socket = this.#connect();
    const connection: Connection = { socket, isOpen: false, user: undefined };
    this.#all.add(connection);
    let failure: Error | undefined;
    socket.unref();
    socket.once(this.#address.isSecure ? "secureConnect" : "connect", () => {
      connection.isOpen = true;
      connection.user?.opened();
    });
    socket.on("data", (chunk: Buffer) => {
      if (connection.user === undefined) this.#drop(connection);
      else connection.user.received(chunk);
    });
    socket.on("error", (error) => {
      failure = error;
    });
    socket.on("close", () => {
      const { user } = connection;
      this.#drop(connection);
      user?.closed(failure);
    });
    socket.setTimeout(LIMITS.s3IdleSocketMs, () => {
      if (connection.user === undefined) this.#drop(connection);
    });
    return connection;
  }

  #connect(): Socket {
    const { hostname: host, port, isSecure } = this.#address;
    const place = { host, port, noDelay: true };
    if (!isSecure) return connectTcp(place);
    const socket = connectTls({
      ...place,
      servername: isIP(host) === 0 ? host : "",
      ALPNProtocols: ["http/1.1"],
      ...(this.#ca !== undefined && { ca: this.#ca }),
      ...(this.#session !== undefined && { session: this.#session }),
    });
    socket.on("session", (session) => {
      this.#session = session;
    });
    return socket;
  }
}
