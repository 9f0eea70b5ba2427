/**
 * The Flight clients of one FlameCache: one for each endpoint in its references.
 *
 * A client is created when its endpoint is first dialled, and is kept: idle connections cost little
 * and do not keep the process alive. There are as many clients as caches that hand out references.
 */
import { CacheError } from "../../errors.ts";
import type { KeepaliveOptions } from "../../grpc/client-keepalive.ts";
import { FlightClient } from "../flight/flight-client.ts";
import { isThisHost } from "./local/this-host.ts";

/** Frequent pings, to detect a lost server within seconds: the cache does not penalise pings. */
const CACHE_KEEPALIVE: KeepaliveOptions = { burstMax: Number.POSITIVE_INFINITY };

export interface PooledClient {
  readonly client: FlightClient;
  readonly isOnThisHost: boolean;
}

export class ClientPool {
  readonly #ca: Buffer | undefined;
  readonly #clients = new Map<string, PooledClient>();
  #isClosed = false;

  /** @param ca PEM of the trusted certificate authorities; undefined: the system's roots */
  constructor(ca: Buffer | undefined) {
    this.#ca = ca;
  }

  /**
   * @throws {CacheError} INVALID_CONFIG for an invalid endpoint; CANCELLED if the pool is closed
   */
  get(endpoint: string): PooledClient {
    if (this.#isClosed) throw new CacheError("CANCELLED", "the cache is closed");
    const known = this.#clients.get(endpoint);
    if (known !== undefined) return known;
    const keepalive = CACHE_KEEPALIVE;
    const client = new FlightClient({ endpoint, keepalive, ...(this.#ca && { ca: this.#ca }) });
    const made = { client, isOnThisHost: isThisHost(new URL(client.endpoint).hostname) };
    this.#clients.set(endpoint, made);
    return made;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all([...this.#clients.values()].map(({ client }) => client.close()));
  }
}
