/**
 * The calls of one operation: to which server each attempt goes, and when it is made again.
 *
 * If a server is lost, a read continues at another one, if one is known (replicas.ts). A write does
 * so only if no connection was made (repeat-call.ts).
 */
import { findMetadataValue } from "../../arrow/schema-metadata.ts";
import { isCacheError } from "../../errors.ts";
import type { FlightDescriptor } from "../../flight/descriptor.ts";
import { REPLICAS_HEADER } from "../../flight/replica-list.ts";
import type { ObjectRef } from "../../object/object-ref.ts";
import { SCHEMA_KEY_REPLICAS } from "../../object/object-schema.ts";
import type { FlightCallOptions, FlightClient } from "../flight/flight-client.ts";
import type { IncomingFlightData } from "../flight/incoming-flight-data.ts";
import type { OutgoingFlightMessages } from "../flight/outgoing-flight-data.ts";
import {
  mayReadAgain,
  mayWriteAgain,
  type OperationTime,
  type Repetition,
  repeatCall,
  repeatUntilFirst,
} from "./repeat-call.ts";
import type { Replicas } from "./replicas.ts";
import { sendPut } from "./send-put.ts";

export interface PooledClient {
  readonly client: FlightClient;
  readonly isOnThisHost: boolean;
}

/** What a route needs of the pool. */
export interface RouteHost {
  readonly replicas: Replicas;
  /** @throws {CacheError} INVALID_CONFIG for an invalid endpoint; CANCELLED if the pool is closed */
  dial(endpoint: string): PooledClient;
  /** Called with the endpoint in the answer to a put. */
  answered(endpoint: string): void;
}

export class Route {
  readonly #host: RouteHost;
  readonly #key: string | undefined;
  #dialled = "";

  /** @param key of a get, for which one of several servers is preferred */
  constructor(host: RouteHost, key?: string) {
    this.#host = host;
    this.#key = key;
  }

  /** The client for the next attempt. @throws {CacheError} INVALID_CONFIG, CANCELLED */
  open(): PooledClient {
    this.#dialled = this.#host.replicas.choose(this.#key);
    return this.#host.dial(this.#dialled);
  }

  read<T>(
    time: OperationTime,
    call: (to: PooledClient, options: FlightCallOptions) => Promise<T>,
  ): Promise<T> {
    return repeatCall(time, this.#repeating(mayReadAgain), (options) => this.#attempt(options, call));
  }

  write<T>(
    time: OperationTime,
    call: (to: PooledClient, options: FlightCallOptions) => Promise<T>,
  ): Promise<T> {
    return repeatCall(time, this.#repeating(mayWriteAgain), (options) => this.#attempt(options, call));
  }

  /** Yields the items of a read. Repeats it only until its first item has arrived. */
  stream<T>(
    time: OperationTime,
    start: (client: FlightClient, options: FlightCallOptions) => AsyncIterable<T>,
  ): AsyncGenerator<T, void, void> {
    const begin = (options: FlightCallOptions) => start(this.open().client, options);
    return repeatUntilFirst(time, this.#repeating(mayReadAgain), begin);
  }

  /** The messages of a ticket. Learns from the first one which servers there are. */
  get(
    client: FlightClient,
    ticket: Uint8Array,
    options: FlightCallOptions,
  ): AsyncIterable<IncomingFlightData> {
    const { replicas } = this.#host;
    const metadata = { ...options.metadata, [REPLICAS_HEADER]: replicas.tag };
    const dialled = this.#dialled;
    return watched(client.doGet(ticket, { ...options, metadata }), ({ dataHeader }) => {
      replicas.answered(dialled);
      const found = findMetadataValue(dataHeader, SCHEMA_KEY_REPLICAS);
      if (found === undefined) return;
      const { position, sizeBytes } = found;
      replicas.learn(Buffer.from(dataHeader).toString("utf8", position, position + sizeBytes));
    });
  }

  /** One put, with no repetition. */
  async put(
    descriptor: FlightDescriptor,
    messages: OutgoingFlightMessages,
    options: FlightCallOptions,
  ): Promise<ObjectRef> {
    const { replicas } = this.#host;
    const { client } = this.open();
    const metadata = { ...options.metadata, [REPLICAS_HEADER]: replicas.tag };
    const learn = (text: string): void => replicas.learn(text);
    const ref = await sendPut(client, descriptor, messages, { ...options, metadata, learn });
    this.#host.answered(ref.endpoint);
    return ref;
  }

  async #attempt<T>(
    options: FlightCallOptions,
    call: (to: PooledClient, options: FlightCallOptions) => Promise<T>,
  ): Promise<T> {
    const result = await call(this.open(), options);
    this.#host.replicas.answered(this.#dialled);
    return result;
  }

  #repeating(mayRepeat: Repetition["mayRepeat"]): Repetition {
    return { mayRepeat, isElsewhere: (error) => isLoss(error) && this.#host.replicas.lose(this.#dialled) };
  }
}

function isLoss(error: unknown): boolean {
  return isCacheError(error, "UNREACHABLE") || isCacheError(error, "SHUTTING_DOWN");
}

/** Shows the first item to `see` as it passes. */
function watched<T>(items: AsyncIterable<T>, see: (first: T) => void): AsyncIterable<T> {
  return {
    [Symbol.asyncIterator]() {
      const iterator = items[Symbol.asyncIterator]();
      let isSeen = false;
      return {
        async next() {
          const next = await iterator.next();
          if (!isSeen && next.done !== true) see(next.value);
          isSeen = true;
          return next;
        },
        return: async () => (await iterator.return?.()) ?? { done: true, value: undefined },
      };
    },
  };
}
