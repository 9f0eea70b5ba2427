/**
 * Where clients get an object: the replicas over the same bucket, the owner of the key first.
 *
 * Clients may ignore the order, and may get any object from any replica. The last location is the
 * server that a client already reaches, under whichever name. A server without replicas names only
 * itself.
 */
import { rendezvousOrder } from "../../flight/rendezvous.ts";
import { NO_END, REUSE_CONNECTION, type ReplicaList, replicaList } from "../../flight/replica-list.ts";

export class ReplicaLocations {
  readonly #only: readonly string[];
  readonly #alive: () => readonly string[];
  #known: readonly string[] = [];
  #list: ReplicaList | undefined;

  /**
   * @param endpoint the advertised one
   * @param alive a new array after each change
   */
  constructor(endpoint: string, alive: () => readonly string[] = () => []) {
    this.#only = [endpoint];
    this.#alive = alive;
  }

  /** Undefined: there are none. */
  get list(): ReplicaList | undefined {
    const alive = this.#alive();
    if (alive === this.#known) return this.#list;
    this.#known = alive;
    this.#list = alive.length === 0 ? undefined : replicaList(alive);
    return this.#list;
  }

  of(key: string): readonly string[] {
    const { list } = this;
    return list === undefined ? this.#only : [...rendezvousOrder(list.replicas, key), REUSE_CONNECTION];
  }

  /** The end of an endpoint whose object has none. */
  get noEnd(): { readonly expirationTime?: Date } {
    return this.list === undefined ? {} : { expirationTime: NO_END };
  }
}
