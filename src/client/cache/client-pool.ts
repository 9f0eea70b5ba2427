/**
 * The Flight clients of one FlameCache: one for each endpoint in its references.
 *
 * Credentials go only to the configured endpoint and to endpoints that its server returns for puts or
 * names as its replicas: the author of a reference must not learn the token. A server with TLS cannot direct the token to
 * an endpoint without TLS. A client is created when its endpoint is first dialled, and is kept: idle
 * connections cost little and do not keep the process alive.
 */
import type { ClientCredentials } from "../../config/client-credentials.ts";
import { CacheError } from "../../errors.ts";
import type { KeepaliveOptions } from "../../grpc/client-keepalive.ts";
import { LIMITS } from "../../limits.ts";
import { bearerMetadata, warnOfPlaintext } from "../flight/bearer-token.ts";
import { FlightClient } from "../flight/flight-client.ts";
import { isThisHost } from "./local/this-host.ts";
import { dialEndpoint, isAsSafe, Replicas } from "./replicas.ts";
import { type PooledClient, Route } from "./route.ts";
import { warnOfSecurity } from "./security-warning.ts";

/** Frequent pings, to detect a lost server within seconds: the cache does not penalise pings. */
const CACHE_KEEPALIVE: KeepaliveOptions = { burstMax: Number.POSITIVE_INFINITY };
/** At most this many endpoints get the credentials. */
const OWN_ENDPOINTS_MAX = 16;

interface ClientUse {
  /** True if the server gets the credentials. */
  readonly isOwn: boolean;
  /** True if it is one of several servers behind another endpoint. */
  readonly isReplica: boolean;
}

export interface PoolSettings {
  /** The configured endpoint, as clients dial it. */
  readonly endpoint: string;
  /** PEM of the trusted certificate authorities; undefined: the system's roots */
  readonly ca: Buffer | undefined;
  readonly credentials: ClientCredentials;
}

export class ClientPool {
  readonly #settings: PoolSettings;
  /** Endpoints, as clients dial them, that get the credentials. */
  readonly #own: Set<string>;
  readonly #clients = { own: new Map<string, PooledClient>(), other: new Map<string, PooledClient>() };
  /** By the endpoint behind which they are. */
  readonly #replicas = new Map<string, Replicas>();
  readonly #names = new Map<string, string>();
  #isClosed = false;

  constructor(settings: PoolSettings) {
    this.#settings = settings;
    this.#own = new Set([settings.endpoint]);
  }

  /**
   * The calls of one operation on an endpoint.
   * @param key of a get, for which one of several servers is preferred
   */
  route(endpoint: string, key?: string): Route {
    const named = this.#named(endpoint);
    const home = this.#replicasOf(this.#settings.endpoint);
    const replicas = home.has(named) ? home : this.#replicasOf(named);
    // The servers that an own server names are own ones, too.
    const isOwn = replicas === home || this.#own.has(named);
    return new Route(
      {
        replicas,
        dial: (dialled) => this.#dial(dialled, { isOwn, isReplica: replicas.has(dialled) }),
        answered: (own) => {
          if (isOwn) this.#learn(own);
        },
      },
      key,
    );
  }

  /** The endpoint as clients dial it. One that is invalid is reported when it is dialled. */
  #named(endpoint: string): string {
    const known = this.#names.get(endpoint);
    if (known !== undefined) return known;
    const named = dialEndpoint(endpoint) ?? endpoint;
    this.#names.set(endpoint, named);
    return named;
  }

  #replicasOf(endpoint: string): Replicas {
    const known = this.#replicas.get(endpoint);
    if (known !== undefined) return known;
    const made = new Replicas(endpoint);
    this.#replicas.set(endpoint, made);
    return made;
  }

  #dial(endpoint: string, use: ClientUse): PooledClient {
    if (this.#isClosed) throw new CacheError("CANCELLED", "the cache is closed");
    const clients = use.isOwn ? this.#clients.own : this.#clients.other;
    const known = clients.get(endpoint);
    if (known !== undefined) return known;
    const made = this.#open(endpoint, use);
    clients.set(endpoint, made);
    return made;
  }

  #open(endpoint: string, { isOwn, isReplica }: ClientUse): PooledClient {
    const { ca, credentials } = this.#settings;
    const token = isOwn ? credentials.token : undefined;
    const certificate = isOwn ? credentials.certificate : undefined;
    const client = new FlightClient({
      endpoint,
      keepalive: CACHE_KEEPALIVE,
      ...(isReplica && { connectTimeoutMs: LIMITS.replicaConnectTimeoutMs }),
      ...(ca && { ca }),
      ...certificate,
      ...(token && { metadata: bearerMetadata(token) }),
    });
    const isOnThisHost = isThisHost(new URL(client.endpoint).hostname);
    if (token !== undefined) warnOfPlaintext(client.endpoint, isOnThisHost, warnOfSecurity);
    return { client, isOnThisHost };
  }

  #learn(text: string): void {
    const endpoint = dialEndpoint(text);
    if (endpoint === undefined || this.#own.size > OWN_ENDPOINTS_MAX) return;
    if (!isAsSafe(this.#settings.endpoint, endpoint)) return;
    this.#own.add(endpoint);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    const clients = [...this.#clients.own.values(), ...this.#clients.other.values()];
    await Promise.all(clients.map(({ client }) => client.close()));
  }
}
