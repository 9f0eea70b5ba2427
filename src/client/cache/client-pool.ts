/**
 * The Flight clients of one FlameCache, one for each endpoint that its references name.
 *
 * A client is made when its endpoint is first dialled and kept: idle connections cost little and do not keep the process
 * alive. There are as many as there are caches that hand out references.
 */
import { CacheError } from "../../errors.ts";
import type { KeepaliveOptions } from "../../grpc/client-keepalive.ts";
import { FlightClient } from "../flight/flight-client.ts";
import { FileHabit } from "./fetch-object.ts";
import { isThisHost } from "./local/this-host.ts";

/** The cache counts no ping strikes: it is asked as often as it takes to notice within seconds that it vanished. */
const CACHE_KEEPALIVE: KeepaliveOptions = { burstMax: Number.POSITIVE_INFINITY };

export interface PooledClient {
  readonly client: FlightClient;
  /** Present when the endpoint is on this host. */
  readonly files: FileHabit | undefined;
}

export class ClientPool {
  readonly #ca: Buffer | undefined;
  readonly #clients = new Map<string, PooledClient>();
  #isClosed = false;

  /** @param ca PEM of who may vouch for servers with TLS; undefined: the system's roots */
  constructor(ca: Buffer | undefined) {
    this.#ca = ca;
  }

  /** @throws {CacheError} INVALID_CONFIG when the endpoint is none; CANCELLED once the pool is closed */
  get(endpoint: string): PooledClient {
    if (this.#isClosed) throw new CacheError("CANCELLED", "the cache is closed");
    const known = this.#clients.get(endpoint);
    if (known !== undefined) return known;
    const keepalive = CACHE_KEEPALIVE;
    const client = new FlightClient({ endpoint, keepalive, ...(this.#ca && { ca: this.#ca }) });
    const files = isThisHost(new URL(client.endpoint).hostname) ? new FileHabit() : undefined;
    const made = { client, files };
    this.#clients.set(endpoint, made);
    return made;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all([...this.#clients.values()].map(({ client }) => client.close()));
  }
}
