/**
 * The connections to one store: clients of the library undici, at most LIMITS.s3SocketsMax. Each has
 * at most one connection, and one user at a time. Further users wait, in order.
 *
 * A free client is used again at once, which a Pool of undici does not do: it would open a second
 * connection for requests that follow each other. A connection keeps no process alive while it has
 * no request, and is closed if it is not used for LIMITS.s3IdleSocketMs.
 */
import { setMaxListeners } from "node:events";
import { createRequire } from "node:module";
import { isIPv6 } from "node:net";
import type undici from "undici";
import type { Client } from "undici";
import { LIMITS } from "../../limits.ts";
import { HERE } from "../../thread-entries.ts";
import type { StoreAddress } from "../store-options.ts";

export interface ClientUser {
  /** The client is its own until it is released. */
  use(client: Client): void;
}

export interface ConnectTerms {
  readonly connectMs: number;
  readonly ca: string | undefined;
}

const require = createRequire(HERE);

export class StoreClients {
  readonly #address: StoreAddress;
  readonly #terms: ConnectTerms;
  readonly #all = new Set<Client>();
  /** The last one was used last. */
  readonly #free: Client[] = [];
  readonly #waiting = new Set<ClientUser>();
  /** Ends connections, also those that are not open yet. */
  readonly #closing = new AbortController();
  #opening: (() => Client) | undefined;

  constructor(address: StoreAddress, terms: ConnectTerms) {
    this.#address = address;
    this.#terms = terms;
    setMaxListeners(0, this.#closing.signal);
  }

  /** Calls `use`, now or when a client is free. */
  acquire(user: ClientUser): void {
    const free = this.#free.pop();
    if (free !== undefined) user.use(free);
    else if (this.#all.size < LIMITS.s3SocketsMax) user.use(this.#add());
    else this.#waiting.add(user);
  }

  /** The user does not wait any more. */
  withdraw(user: ClientUser): void {
    this.#waiting.delete(user);
  }

  release(client: Client): void {
    const [next] = this.#waiting;
    if (next === undefined) {
      this.#free.push(client);
      return;
    }
    this.#waiting.delete(next);
    next.use(client);
  }

  /** Closes all; their requests fail, and further ones. */
  close(): void {
    this.#closing.abort();
    for (const client of this.#all) void client.destroy();
  }

  #add(): Client {
    this.#opening ??= this.#load();
    const client = this.#opening();
    this.#all.add(client);
    if (this.#closing.signal.aborted) void client.destroy();
    return client;
  }

  /** The library is loaded at the first request, and from the package: a bundle need not contain it. */
  #load(): () => Client {
    const library = require("undici") as typeof undici;
    const { hostname, port, isSecure } = this.#address;
    const host = isIPv6(hostname) ? `[${hostname}]` : hostname;
    const origin = `${isSecure ? "https" : "http"}://${host}:${port}`;
    const { connectMs: timeout, ca } = this.#terms;
    const { signal } = this.#closing;
    // One for all clients: it remembers TLS sessions.
    const connect = library.buildConnector({
      allowH2: false,
      timeout,
      signal,
      ...(ca !== undefined && { ca }),
    });
    const options: Client.Options = {
      connect,
      pipelining: 1,
      keepAliveTimeout: LIMITS.s3IdleSocketMs,
      keepAliveMaxTimeout: LIMITS.s3IdleSocketMs,
      maxHeaderSize: LIMITS.s3HeaderBytesMax,
      // An exchange has its own.
      headersTimeout: 0,
      bodyTimeout: 0,
    };
    return () => new library.Client(origin, options);
  }
}
