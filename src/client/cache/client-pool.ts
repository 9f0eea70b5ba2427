/**
 * The Flight clients of one FlameCache: one for each endpoint in its references.
 *
 * Credentials go only to the configured endpoint and to endpoints that its server returns for puts:
 * the author of a reference must not learn the token. A server with TLS cannot direct the token to
 * an endpoint without TLS. A client is created when its endpoint is first dialled, and is kept: idle
 * connections cost little and do not keep the process alive.
 */
import type { ClientCredentials } from "../../config/client-credentials.ts";
import { endpointSchema, formatDialEndpoint } from "../../config/endpoint.ts";
import { CacheError } from "../../errors.ts";
import type { FlightDescriptor } from "../../flight/descriptor.ts";
import type { KeepaliveOptions } from "../../grpc/client-keepalive.ts";
import type { ObjectRef } from "../../object/object-ref.ts";
import { bearerMetadata, warnOfPlaintext } from "../flight/bearer-token.ts";
import { type FlightCallOptions, FlightClient } from "../flight/flight-client.ts";
import type { OutgoingFlightMessages } from "../flight/outgoing-flight-data.ts";
import { isThisHost } from "./local/this-host.ts";
import { warnOfSecurity } from "./security-warning.ts";
import { sendPut } from "./send-put.ts";

/** Frequent pings, to detect a lost server within seconds: the cache does not penalise pings. */
const CACHE_KEEPALIVE: KeepaliveOptions = { burstMax: Number.POSITIVE_INFINITY };
/** At most this many endpoints get the credentials. */
const OWN_ENDPOINTS_MAX = 16;
const TLS = "grpc+tls://";

export interface PooledClient {
  readonly client: FlightClient;
  readonly isOnThisHost: boolean;
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
  #isClosed = false;

  constructor(settings: PoolSettings) {
    this.#settings = settings;
    this.#own = new Set([settings.endpoint]);
  }

  /**
   * @throws {CacheError} INVALID_CONFIG for an invalid endpoint; CANCELLED if the pool is closed
   */
  get(endpoint: string): PooledClient {
    if (this.#isClosed) throw new CacheError("CANCELLED", "the cache is closed");
    const isOwn = this.#isOwn(endpoint);
    const clients = isOwn ? this.#clients.own : this.#clients.other;
    const known = clients.get(endpoint);
    if (known !== undefined) return known;
    const made = this.#open(endpoint, isOwn);
    clients.set(endpoint, made);
    return made;
  }

  /** As `sendPut`. The endpoint in the answer of an own server is an own one, too. */
  async put(
    endpoint: string,
    descriptor: FlightDescriptor,
    messages: OutgoingFlightMessages,
    options: FlightCallOptions,
  ): Promise<ObjectRef> {
    const ref = await sendPut(this.get(endpoint).client, descriptor, messages, options);
    if (this.#isOwn(endpoint)) this.#learn(ref.endpoint);
    return ref;
  }

  #open(endpoint: string, isOwn: boolean): PooledClient {
    const { ca, credentials } = this.#settings;
    const token = isOwn ? credentials.token : undefined;
    const certificate = isOwn ? credentials.certificate : undefined;
    const client = new FlightClient({
      endpoint,
      keepalive: CACHE_KEEPALIVE,
      ...(ca && { ca }),
      ...certificate,
      ...(token && { metadata: bearerMetadata(token) }),
    });
    const isOnThisHost = isThisHost(new URL(client.endpoint).hostname);
    if (token !== undefined) warnOfPlaintext(client.endpoint, isOnThisHost, warnOfSecurity);
    return { client, isOnThisHost };
  }

  #isOwn(endpoint: string): boolean {
    return this.#own.has(endpoint) || this.#own.has(dialEndpoint(endpoint) ?? "");
  }

  #learn(text: string): void {
    const endpoint = dialEndpoint(text);
    if (endpoint === undefined || this.#own.size > OWN_ENDPOINTS_MAX) return;
    if (this.#settings.endpoint.startsWith(TLS) && !endpoint.startsWith(TLS)) return;
    this.#own.add(endpoint);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    const clients = [...this.#clients.own.values(), ...this.#clients.other.values()];
    await Promise.all(clients.map(({ client }) => client.close()));
  }
}

/** Undefined if it is not an endpoint, which dialling it reports. */
function dialEndpoint(text: string): string | undefined {
  const read = endpointSchema.safeParse(text);
  return read.success ? formatDialEndpoint(read.data) : undefined;
}
