/**
 * The servers that answer for one endpoint, if several share a bucket (docs/scale-out.md): which one
 * to call for a key, and where to go when one is lost.
 *
 * The list comes with the answers of gets and puts, so it costs no call. Nothing depends on it: each server
 * can answer every call. docs/protocol.md, "Replicas", has the order.
 */
import { endpointSchema, formatDialEndpoint } from "../../config/endpoint.ts";
import { rendezvousOrder } from "../../flight/rendezvous.ts";
import { replicaListTag } from "../../flight/replica-list.ts";
import { LIMITS } from "../../limits.ts";

export class Replicas {
  readonly #endpoint: string;
  /** Until when each lost server is avoided, on the monotonic clock. */
  readonly #lost = new Map<string, number>();
  readonly #answered = new Set<string>();
  #known: readonly string[] = [];
  #prefersOwner = true;
  #tag = "";

  /** @param endpoint as clients dial it */
  constructor(endpoint: string) {
    this.#endpoint = endpoint;
  }

  /** Names the list in calls; empty: there is none. */
  get tag(): string {
    return this.#tag;
  }

  has(endpoint: string): boolean {
    return this.#known.includes(endpoint);
  }

  /**
   * Takes the list in an answer. A malformed list is ignored. If the server has TLS, endpoints
   * without TLS are ignored.
   */
  learn(text: string): void {
    if (text.length > LIMITS.replicaListBytesMax) return;
    const named = text.split(" ").map(dialEndpoint);
    if (named.includes(undefined)) return;
    const safe = named.filter((each) => each !== undefined && isAsSafe(this.#endpoint, each));
    this.#known = (safe as string[]).slice(0, LIMITS.clientReplicasMax);
    for (const each of this.#answered) if (!this.has(each)) this.#answered.delete(each);
    this.#prefersOwner = true;
    this.#tag = replicaListTag(text);
  }

  /**
   * The server to call: for a get of a key its owner, otherwise the endpoint itself. One that was
   * lost a moment ago is the last choice.
   */
  choose(key: string | undefined): string {
    if (this.#known.length === 0) return this.#endpoint;
    const order = rendezvousOrder(this.#known, key ?? "");
    const isOwnerFirst = key !== undefined && this.#prefersOwner;
    const candidates = isOwnerFirst ? [...order, this.#endpoint] : [this.#endpoint, ...order];
    return candidates.find((each) => !this.#isLost(each)) ?? this.#endpoint;
  }

  answered(dialled: string): void {
    if (dialled !== this.#endpoint) this.#answered.add(dialled);
  }

  /** Notes that a server was lost. @returns whether there is another one to call. */
  lose(dialled: string): boolean {
    for (const each of this.#lost.keys()) if (!this.#isLost(each)) this.#lost.delete(each);
    this.#lost.set(dialled, performance.now() + LIMITS.clientLostReplicaMs);
    // This client may be outside of the network of the servers: they stay a last resort.
    if (dialled !== this.#endpoint && !this.#answered.delete(dialled)) this.#prefersOwner = false;
    return [this.#endpoint, ...this.#known].some((each) => !this.#isLost(each));
  }

  #isLost(endpoint: string): boolean {
    return (this.#lost.get(endpoint) ?? 0) > performance.now();
  }
}

/** Undefined if it is not an endpoint, which dialling it reports. */
export function dialEndpoint(text: string): string | undefined {
  const read = endpointSchema.safeParse(text);
  return read.success ? formatDialEndpoint(read.data) : undefined;
}

/** A server with TLS cannot direct a client to an endpoint without TLS. */
export function isAsSafe(from: string, to: string): boolean {
  const tls = "grpc+tls://";
  return to.startsWith(tls) || !from.startsWith(tls);
}
