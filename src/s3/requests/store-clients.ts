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
  /** The place is its own until it is released. */
  use(place: ClientPlace): void;
  /** It fails, as if its connection were lost. May be called when it has ended. */
  break(text: string): void;
}

export interface ClientPlace {
  readonly client: Client;
  user: ClientUser | undefined;
}

export interface ConnectTerms {
  readonly connectMs: number;
  readonly ca: string | undefined;
}

const require = createRequire(HERE);

export class StoreClients {
  readonly #all: ClientPlace[] = [];
  /** The last one was used last. */
  readonly #free: ClientPlace[] = [];
  readonly #waiting = new Set<ClientUser>();
  /** Ends connections, also those that are not open yet. */
  readonly #closing = new AbortController();
  readonly #open: () => Client;

  constructor(address: StoreAddress, terms: ConnectTerms) {
    setMaxListeners(0, this.#closing.signal);
    this.#open = this.#load(address, terms);
  }

  /** Calls `use`, now or when a client is free. */
  acquire(user: ClientUser): void {
    const free = this.#free.pop();
    if (free !== undefined) this.#give(free, user);
    else if (this.#all.length < LIMITS.s3SocketsMax) this.#give(this.#add(), user);
    else this.#waiting.add(user);
  }

  /** The user does not wait any more. */
  withdraw(user: ClientUser): void {
    this.#waiting.delete(user);
  }

  /** Called when the client has nothing more to do with its request. */
  release(place: ClientPlace): void {
    place.user = undefined;
    if (this.#waiting.size === 0) {
      this.#free.push(place);
      return;
    }
    const [next] = this.#waiting;
    this.#waiting.delete(next!);
    this.#give(place, next!);
  }

  /** Breaks all users, also those that wait. */
  breakAll(text: string): void {
    const used = this.#all.flatMap(({ user }) => user ?? []);
    for (const user of [...this.#waiting, ...used]) user.break(text);
  }

  /** Closes all; their users fail, and further ones. */
  close(): void {
    this.breakAll("the connections to the store were closed");
    this.#closing.abort();
    for (const { client } of this.#all) void client.destroy();
  }

  #give(place: ClientPlace, user: ClientUser): void {
    place.user = user;
    user.use(place);
  }

  #add(): ClientPlace {
    const place = { client: this.#open(), user: undefined };
    this.#all.push(place);
    if (this.#closing.signal.aborted) void place.client.destroy();
    return place;
  }

  /** The library is loaded here, and from the package: a bundle need not contain it. */
  #load(address: StoreAddress, terms: ConnectTerms): () => Client {
    const library = require("undici") as typeof undici;
    const { hostname, port, isSecure } = address;
    const host = isIPv6(hostname) ? `[${hostname}]` : hostname;
    const origin = `${isSecure ? "https" : "http"}://${host}:${port}`;
    const { connectMs: timeout, ca } = terms;
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
