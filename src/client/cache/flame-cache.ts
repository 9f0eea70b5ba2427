/**
 * FlameCache, the interface for applications: put values, get references; get values by reference.
 *
 * Operations on a reference dial its endpoint; all others dial the cache's own. The first operation
 * that needs a connection opens it, one for gets and one for puts, and none keeps the process
 * alive. Reads are repeated if the error table says that this can help; writes only if no
 * connection was made (repeat-call.ts).
 */
import { formatTicket } from "../../flight/ticket.ts";
import type { ObjectRef } from "../../object/object-ref.ts";
import type { FlightCallOptions } from "../flight/flight-client.ts";
import type { IncomingFlightData } from "../flight/incoming-flight-data.ts";
import { resolveTableForm } from "../values/arrow-libraries.ts";
import { type DecodeOptions, decodeOpaque, decodeTableParts, untaggedBytes } from "../values/decode-value.ts";
import { encodeValue } from "../values/encode-value.ts";
import { unreadable } from "../values/value-tags.ts";
import { ClientPool } from "./client-pool.ts";
import { type FlameCacheOptions, type FlameCacheSettings, resolveSettings } from "./connect-options.ts";
import { type FetchedObject, fetchObject } from "./fetch-object.ts";
import type { GetOptions, ReadOptions } from "./get-options.ts";
import { HeldObjects } from "./held-objects.ts";
import { readFileChunks, writeFileWhole } from "./local/local-files.ts";
import { type ObjectInfo, objectInfo } from "./object-info.ts";
import { objectBatches, objectChunks } from "./object-stream.ts";
import {
  checkPutName,
  type ObjectTarget,
  objectTarget,
  prefixTarget,
  type RefLike,
  readPutArguments,
} from "./object-target.ts";
import { putMessages, streamedPutMessages } from "./put-messages.ts";
import { type OperationOptions, OperationTime } from "./repeat-call.ts";
import {
  expireNamed,
  type PinOptions,
  type PutOptions,
  pinNamed,
  putCall,
  type RenewOptions,
  renewObject,
  unpinNamed,
} from "./retention-calls.ts";
import type { Route } from "./route.ts";
import { type PutStreamItems, streamedValue } from "./streamed-put.ts";

/** A client of one cache for values, tables, streams and files. Safe to share within a process. */
export class FlameCache {
  readonly #settings: FlameCacheSettings;
  readonly #pool: ClientPool;
  readonly #held: HeldObjects;

  private constructor(settings: FlameCacheSettings) {
    this.#settings = settings;
    this.#pool = new ClientPool(settings);
    this.#held = new HeldObjects(settings.cacheBytesMax);
  }

  /**
   * A client of the cache that options, environment and flame.yaml name. Dials nothing yet.
   * @throws {CacheError} INVALID_CONFIG with key, value and source
   */
  static async connect(options: FlameCacheOptions = {}): Promise<FlameCache> {
    return new FlameCache(await resolveSettings(options));
  }

  /**
   * The address for all operations except those on references: `grpc://HOST:PORT` or
   * `grpc+tls://HOST:PORT`.
   */
  get endpoint(): string {
    return this.#settings.endpoint;
  }

  /**
   * Stores a value under a generated object id: `put("app", "session", value)` or
   * `put("app/session", value)`. With a key, creates or replaces the object:
   * `put("app/session/object", value)`. Bytes must not change before the put is done.
   * @throws {CacheError} INVALID_KEY; INVALID_VALUE with the path of the part that cannot be
   *   stored; UNREACHABLE; the server's error
   */
  put(name: string, value: unknown, options?: PutOptions): Promise<ObjectRef>;
  put(applicationId: string, sessionId: string, value: unknown, options?: PutOptions): Promise<ObjectRef>;
  async put(...given: readonly unknown[]): Promise<ObjectRef> {
    const { name, value, options } = readPutArguments<PutOptions>(given);
    return await this.#putValue({ endpoint: this.endpoint, key: name }, value, options);
  }

  /**
   * Replaces an object and its patches.
   * @returns its reference with the new version.
   * @throws as `put`
   */
  async update(ref: RefLike, value: unknown, options?: PutOptions): Promise<ObjectRef> {
    return await this.#putValue(this.#target(ref), value, options);
  }

  /**
   * Appends to an object: a table of the same schema to a table, another value to another value.
   * @throws {CacheError} OBJECT_NOT_FOUND; INVALID_REQUEST if patch and object do not match; as
   *   `put`
   */
  async patch(ref: RefLike, value: unknown, options?: PutOptions): Promise<ObjectRef> {
    const { endpoint, key } = this.#target(ref);
    const descriptor = { kind: "command", command: `PATCH:${key}` } as const;
    const messages = putMessages(await encodeValue(value));
    return await this.#send(endpoint, options, (to, call) => to.put(descriptor, messages, call));
  }

  /**
   * The object's current value, even if the reference has an older version.
   * @throws {CacheError} OBJECT_NOT_FOUND; UNREADABLE_VALUE with the type tag; UNREACHABLE; the
   *   server's error
   */
  async get<T = unknown, Base = unknown, Patch = unknown>(
    ref: RefLike,
    options: GetOptions<T, Base, Patch> = {},
  ): Promise<T> {
    const { object, shared } = await this.#fetch(ref, options);
    const tables =
      options.tables === undefined ? this.#settings.tables : await resolveTableForm(options.tables);
    const decoding: DecodeOptions = { tables, shared };
    const { merge } = options;
    const base =
      object.kind === "table"
        ? await decodeTableParts(object.parts, decoding)
        : await decodeOpaque(object.base, decoding);
    if (merge === undefined) return base as T;
    const stored = object.kind === "table" ? [] : object.patches;
    const patches = await Promise.all(stored.map((patch) => decodeOpaque(patch, decoding)));
    return await merge(base as Base, patches as Patch[]);
  }

  /**
   * The bytes of a value that was put as bytes, or of an uploaded file; of any other value its tag
   * and payload. Without patches.
   * @throws {CacheError} UNREADABLE_VALUE for a table; as `get`
   */
  async getBytes(ref: RefLike, options: ReadOptions = {}): Promise<Uint8Array> {
    const { object, shared } = await this.#fetch(ref, options);
    if (object.kind === "table") throw unreadable("the object is a table: use get or getStream");
    return untaggedBytes(object.base, shared);
  }

  /**
   * The bytes of an object as they arrive: of a value that was put as bytes, of an uploaded file,
   * or of a table as an Arrow IPC stream. Chunks may be views: copy one to keep it. Leaving the
   * loop ends the call.
   * @throws {CacheError} UNREADABLE_VALUE for other values; as `get`
   */
  getStream(ref: RefLike, options?: OperationOptions): AsyncIterable<Uint8Array> {
    return this.#read(ref, options, (answer) => objectChunks(answer, { asStored: false }));
  }

  /**
   * The record batches of a table as they arrive: RecordBatch of apache-arrow, else a table of one
   * batch.
   * @throws {CacheError} UNREADABLE_VALUE if the object is not a table; as `get`
   */
  getBatches<T = unknown>(ref: RefLike, options?: OperationOptions): AsyncIterable<T> {
    const { tables } = this.#settings;
    return this.#read(ref, options, (answer) => objectBatches(answer, tables) as AsyncIterable<T>);
  }

  /**
   * Stores a stream of chunks as one value of bytes, or of record batches as one table. Sends items
   * as they are produced; never repeated.
   * @param name as for `put`
   * @throws {CacheError} INVALID_VALUE for an item that does not fit; an error of `items`, and
   *   stores nothing; as `put`
   */
  async putStream(name: string, items: PutStreamItems, options?: PutOptions): Promise<ObjectRef> {
    const descriptor = { kind: "path", path: [checkPutName(name)] } as const;
    const call = putCall(this.#time(options).callOptions(), options);
    return await this.#pool.route(this.endpoint).put(descriptor, streamedValue(items), call);
  }

  /**
   * Deletes an object, a session (`app/session`) or an application (`app/*`), if there are any.
   * @throws {CacheError} INVALID_KEY; UNREACHABLE; the server's error
   */
  async delete(prefix: RefLike, options?: OperationOptions): Promise<void> {
    const { endpoint, key } = prefixTarget(prefix, this.endpoint);
    await this.#pool.route(endpoint).write(this.#time(options), async ({ client }, call) => {
      for await (const _ of client.doAction("DELETE", key, call));
    });
  }

  /**
   * Protects the objects of a name as for `delete` from eviction, also later objects of a session
   * or application. Does not shorten an existing pin.
   * @returns the end of the pin; undefined: until `unpin`.
   * @throws {CacheError} OBJECT_NOT_FOUND, INVALID_KEY; UNREACHABLE; the server's error
   */
  async pin(prefix: RefLike, options: PinOptions = {}): Promise<Date | undefined> {
    const { endpoint, key } = prefixTarget(prefix, this.endpoint);
    return await this.#pool
      .route(endpoint)
      .write(this.#time(options), ({ client }, call) => pinNamed(client, key, options.ttlSeconds, call));
  }

  /** Removes the pin with this name, and no other. @throws as `pin` */
  async unpin(prefix: RefLike, options?: OperationOptions): Promise<void> {
    const { endpoint, key } = prefixTarget(prefix, this.endpoint);
    await this.#pool
      .route(endpoint)
      .write(this.#time(options), ({ client }, call) => unpinNamed(client, key, call));
  }

  /**
   * Sets the time to live of an object from now on, or of each object of a session or application
   * from its put.
   * @param ttlSeconds undefined: unlimited.
   * @returns when the present objects expire; undefined: never.
   * @throws as `pin`
   */
  async expire(
    prefix: RefLike,
    ttlSeconds: number | undefined,
    options?: OperationOptions,
  ): Promise<Date | undefined> {
    const { endpoint, key } = prefixTarget(prefix, this.endpoint);
    return await this.#pool
      .route(endpoint)
      .write(this.#time(options), ({ client }, call) => expireNamed(client, key, ttlSeconds, call));
  }

  /**
   * Renews the time to live of an object, or extends it to a later time; never shortens it.
   * @returns when the object expires; undefined: never.
   * @throws {CacheError} OBJECT_NOT_FOUND; as `pin`
   */
  async renew(ref: RefLike, options: RenewOptions = {}): Promise<Date | undefined> {
    const { endpoint, key } = this.#target(ref);
    return await this.#pool
      .route(endpoint)
      .write(this.#time(options), ({ client }, call) => renewObject(client, key, options.until, call));
  }

  /**
   * Lists all objects, or those of `app`, `app/session` or a key, in the server's order.
   * @throws {CacheError} INVALID_KEY; UNREACHABLE; the server's error
   */
  async *list(prefix: RefLike = "", options?: OperationOptions): AsyncGenerator<ObjectInfo, void, void> {
    const { endpoint, key } = prefixTarget(prefix, this.endpoint);
    const route = this.#pool.route(endpoint);
    const infos = route.stream(this.#time(options), (client, call) => client.listFlights(key, call));
    for await (const info of infos) yield objectInfo(info);
  }

  /** Facts about an object, without its bytes. @throws {CacheError} OBJECT_NOT_FOUND; as `list` */
  async stat(ref: RefLike, options?: OperationOptions): Promise<ObjectInfo> {
    const { endpoint, key } = this.#target(ref);
    return await this.#pool
      .route(endpoint)
      .read(this.#time(options), async ({ client }, call) =>
        objectInfo(await client.getFlightInfo({ kind: "path", path: [key] }, call)),
      );
  }

  /**
   * Stores the bytes of a file unchanged, in rows of 1 MiB, with one or two of them in memory.
   * @param name as for `put`
   * @throws the system's error if the file cannot be read, and stores nothing; as `put`
   */
  async uploadFile(name: string, path: string, options?: PutOptions): Promise<ObjectRef> {
    const descriptor = { kind: "path", path: [checkPutName(name)] } as const;
    return await this.#send(this.endpoint, options, (to, call) =>
      to.put(descriptor, streamedPutMessages(readFileChunks(path)), call),
    );
  }

  /**
   * Writes an object's stored bytes to a file: an uploaded file unchanged, a value with its tag, a
   * table as an Arrow IPC stream. `path` is replaced only when the new file is complete.
   * @returns bytes written
   * @throws the system's error if the file cannot be written; as `get`
   */
  async downloadFile(ref: RefLike, path: string, options?: OperationOptions): Promise<number> {
    const { endpoint, key } = this.#target(ref);
    const route = this.#pool.route(endpoint, key);
    return await route.read(this.#time(options), ({ client }, call) => {
      const answer = route.get(client, formatTicket(key, 0), call);
      return writeFileWhole(path, objectChunks(answer, { asStored: true }));
    });
  }

  #target(ref: RefLike): ObjectTarget {
    return objectTarget(ref, this.endpoint);
  }

  #time(options: OperationOptions = {}): OperationTime {
    return new OperationTime({ ...options, timeoutMs: options.timeoutMs ?? this.#settings.timeoutMs });
  }

  async #putValue({ endpoint, key }: ObjectTarget, value: unknown, options?: PutOptions): Promise<ObjectRef> {
    const messages = putMessages(await encodeValue(value));
    const descriptor = { kind: "path", path: [key] } as const;
    return await this.#send(endpoint, options, (to, call) => to.put(descriptor, messages, call));
  }

  /** A put that is repeated if it was not sent. */
  #send(
    endpoint: string,
    options: PutOptions | undefined,
    put: (to: Route, call: FlightCallOptions) => Promise<ObjectRef>,
  ): Promise<ObjectRef> {
    const route = this.#pool.route(endpoint);
    return route.write(this.#time(options), (_, call) => put(route, putCall(call, options)));
  }

  async #fetch(ref: RefLike, options: ReadOptions): Promise<FetchedObject> {
    const target = this.#target(ref);
    const { zeroCopy, objectBytesMax } = this.#settings;
    const held = this.#held;
    const atLeastVersion = options.atLeast ? target.version : undefined;
    const route = this.#pool.route(target.endpoint, target.key);
    return await route.read(this.#time(options), ({ client, isOnThisHost }, call) => {
      const readsFiles = zeroCopy && isOnThisHost;
      return fetchObject({ client, route, held, readsFiles, objectBytesMax, atLeastVersion }, target, call);
    });
  }

  /** Reads an object as it arrives; starts with the request for the first item. */
  async *#read<T>(
    ref: RefLike,
    options: OperationOptions | undefined,
    read: (answer: AsyncIterable<IncomingFlightData>) => AsyncIterable<T>,
  ): AsyncGenerator<T, void, void> {
    const { endpoint, key } = this.#target(ref);
    const route = this.#pool.route(endpoint, key);
    yield* route.stream(this.#time(options), (client, call) =>
      read(route.get(client, formatTicket(key, 0), call)),
    );
  }

  /** Closes the connections. Running and later operations fail with CANCELLED. */
  async close(): Promise<void> {
    await this.#pool.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
