/**
 * Finds the other replicas over the same bucket, so that clients can be told where else to go.
 *
 * Each replica writes an empty object whose name is its endpoint, and lists the names, every few
 * seconds in the background. LIST says when a name was written last, by the store's clock. Nothing
 * depends on the result: a replica that is not listed still serves, and a dead one that is listed
 * costs a client one attempt. If the store does not answer, the last list stays. A loopback address
 * means another server on each host, so only replicas with such an address on the same host list it.
 * Cost: a write and a LIST each LIMITS.replicaRenewalMs. Memory: LIMITS.replicasMax endpoints.
 */
import { setTimeout as pause } from "node:timers/promises";
import { assert, CacheError } from "../../errors.ts";
import { LIMITS } from "../../limits.ts";
import { logFor } from "../../log.ts";
import type { Bucket, ListedKey } from "../../s3/bucket.ts";
import { formatRegistrationName, parseRegistrationName, REGISTRATIONS } from "./names.ts";
import type { StoreClock } from "./timing.ts";

const log = logFor("storage");

export interface ReplicaRegistryOptions {
  readonly bucket: Bucket;
  readonly storeClock: StoreClock;
  /**
   * Undefined for a text that clients cannot dial: anybody who can write to the bucket may have made
   * it.
   */
  readonly reachOf: (endpoint: string) => Reach | undefined;
  /** Name of this host. */
  readonly host: string;
}

/** Where an endpoint means this server. */
export type Reach = "everywhere" | "this host";

export class ReplicaRegistry {
  readonly #options: ReplicaRegistryOptions;
  readonly #leaving = new AbortController();
  #own: { readonly endpoint: string; readonly name: string; readonly reach: Reach | undefined } | undefined;
  #others: readonly string[] = [];
  #alive: readonly string[] = [];
  #timer: NodeJS.Timeout | undefined;
  #round: Promise<void> | undefined;
  #isFailing = false;

  constructor(options: ReplicaRegistryOptions) {
    this.#options = options;
  }

  /** Endpoints of the replicas that are alive, this one included if it has joined; sorted. */
  get alive(): readonly string[] {
    return this.#alive;
  }

  /**
   * Starts to look for the others. Sends nothing before it returns.
   * @param endpoint under which clients reach this replica; undefined: it is not listed.
   * @throws {CacheError} INVALID_CONFIG if the endpoint is too long
   */
  join(endpoint: string | undefined): void {
    assert(this.#timer === undefined && this.#round === undefined, "a replica joins once");
    if (endpoint !== undefined) {
      const { reachOf, host } = this.#options;
      const reach = reachOf(endpoint);
      const name = formatRegistrationName({ endpoint, ...(reach === "this host" && { host }) });
      if (name === undefined) throw new CacheError("INVALID_CONFIG", `the endpoint ${endpoint} is too long`);
      this.#own = { endpoint, name, reach };
    }
    this.#update();
    this.#begin();
  }

  /** One renewal and one list. Never rejects. */
  async round(): Promise<void> {
    try {
      await this.#renew();
      this.#others = await this.#find();
      this.#update();
      if (this.#isFailing) log.info("the registrations of replicas can be read again");
      this.#isFailing = false;
    } catch (error) {
      if (this.#leaving.signal.aborted || this.#isFailing) return;
      this.#isFailing = true;
      log.warn("the registrations of replicas cannot be read; the last list stays", { error });
    }
  }

  /** Removes the registration. Waits LIMITS.replicaLeaveMsMax at most. Never rejects. */
  async leave(): Promise<void> {
    if (this.#leaving.signal.aborted) return;
    this.#leaving.abort();
    clearTimeout(this.#timer);
    const late = new AbortController();
    const removal = this.#remove().finally(() => late.abort());
    await Promise.race([removal, pause(LIMITS.replicaLeaveMsMax, undefined, { signal: late.signal })]).catch(
      () => undefined,
    );
  }

  #begin(): void {
    this.#round = this.round().finally(() => {
      if (this.#leaving.signal.aborted) return;
      const waitMs = LIMITS.replicaRenewalMs * (0.8 + 0.4 * Math.random());
      this.#timer = setTimeout(() => this.#begin(), waitMs).unref();
    });
  }

  async #remove(): Promise<void> {
    // A renewal that is under way would write the registration again.
    await this.#round;
    if (this.#own !== undefined) await this.#options.bucket.remove(this.#own.name);
  }

  async #renew(): Promise<void> {
    if (this.#own === undefined) return;
    const { bucket, storeClock } = this.#options;
    const written = await bucket.write(this.#own.name, []);
    // If its answer is lost, the next round writes it again.
    if (written.kind === "done") storeClock.observe(written.dateMs);
  }

  async #find(): Promise<string[]> {
    const found: string[] = [];
    const nowMs = this.#options.storeClock.nowMs;
    let listed = 0;
    for await (const page of this.#options.bucket.list(REGISTRATIONS, this.#leaving.signal)) {
      for (const each of page) {
        listed += 1;
        const endpoint = nowMs === undefined ? undefined : this.#aliveIn(each, nowMs);
        if (endpoint !== undefined) found.push(endpoint);
        if (found.length >= LIMITS.replicasMax || listed >= LIMITS.registrationsListedMax) return found;
      }
    }
    return found;
  }

  #aliveIn({ key, modifiedMs }: ListedKey, nowMs: number): string | undefined {
    if (nowMs - modifiedMs > LIMITS.replicaSilenceMsMax) return undefined;
    const { endpoint, host } = parseRegistrationName(key) ?? {};
    const reach = endpoint === undefined ? undefined : this.#options.reachOf(endpoint);
    if (reach === "everywhere") return host === undefined ? endpoint : undefined;
    const isReached = this.#own?.reach === "this host" && host === this.#options.host;
    return reach !== undefined && isReached ? endpoint : undefined;
  }

  #update(): void {
    const own = this.#own === undefined ? [] : [this.#own.endpoint];
    const all = [...new Set([...own, ...this.#others])].slice(0, LIMITS.replicasMax);
    this.#alive = all.toSorted();
  }
}
