/**
 * FlameCache: values in, references out, values back. What an application uses.
 *
 * Operations on a reference dial the endpoint it names; all others the cache's own. A connection is made by the first operation
 * that needs it, one for gets and one for puts, and none keeps the process alive. Reads are repeated while the error table
 * says that this can help; writes only when no connection was made (repeat-call.ts).
 */
import { formatTicket } from "../../flight/ticket.ts";
import type { ObjectRef } from "../../object/object-ref.ts";
import type { FlightClient } from "../flight/flight-client.ts";
import type { IncomingFlightData } from "../flight/incoming-flight-data.ts";
import { resolveTableForm, type TableForm } from "../values/arrow-libraries.ts";
import { type DecodeOptions, decodeOpaque, decodeTableParts, untaggedBytes } from "../values/decode-value.ts";
import { encodeValue } from "../values/encode-value.ts";
import { unreadable } from "../values/value-tags.ts";
import { ClientPool } from "./client-pool.ts";
import { type FlameCacheOptions, type FlameCacheSettings, resolveSettings } from "./connect-options.ts";
import { type FetchedObject, fetchObject } from "./fetch-object.ts";
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
import {
  mayReadAgain,
  mayWriteAgain,
  type OperationOptions,
  OperationTime,
  repeatCall,
  repeatUntilFirst,
} from "./repeat-call.ts";
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
import { sendPut } from "./send-put.ts";
import { type PutStreamItems, streamedValue } from "./streamed-put.ts";

/** How a get makes a value. */
export interface GetOptions<T = unknown, Base = unknown, Patch = unknown> extends OperationOptions {
  /**
   * Makes the value of base and patches, oldest first; called without patches too. Absent: the base is the value, and patches are
   * left out. A table comes with the rows of its patches, so it has none here.
   */
  readonly merge?: ((base: Base, patches: Patch[]) => T | Promise<T>) | undefined;
  /** What a table comes back as; default: as the FlameCache was told. */
  readonly tables?: TableForm | undefined;
}

/** A client of one cache: puts and gets values, tables, streams and files. Safe to share within a process. */
export class FlameCache {
  readonly #settings: FlameCacheSettings;
  readonly #pool: ClientPool;
  readonly #held: HeldObjects;

  private constructor(settings: FlameCacheSettings) {
    this.#settings = settings;
    this.#pool = new ClientPool(settings.ca);
    this.#held = new HeldObjects(settings.cacheBytesMax);
  }

  /**
   * A client of the cache that options, environment and flame.yaml name. Nothing is dialled yet.
   * @throws {CacheError} INVALID_CONFIG naming key, value and source
   */
  static async connect(options: FlameCacheOptions = {}): Promise<FlameCache> {
    return new FlameCache(await resolveSettings(options));
  }

  /** What is dialled for everything but references: `grpc://HOST:PORT` or `grpc+tls://HOST:PORT`. */
  get endpoint(): string {
    return this.#settings.endpoint;
  }

  /**
   * Stores a value under an id that the server makes: `put("app", "session", value)` or `put("app/session", value)`. A key of three
   * components is created or replaced: `put("app/session/object", value)`. Bytes must not change before the put is done.
   * @throws {CacheError} INVALID_KEY; INVALID_VALUE naming the place of what cannot be stored; UNREACHABLE; the server's error
   */
  put(name: string, value: unknown, options?: PutOptions): Promise<ObjectRef>;
  put(applicationId: string, sessionId: string, value: unknown, options?: PutOptions): Promise<ObjectRef>;
  async put(...given: readonly unknown[]): Promise<ObjectRef> {
    const { name, value, options } = readPutArguments<PutOptions>(given);
    return await this.#putValue({ endpoint: this.endpoint, key: name }, value, options);
  }

  /** Replaces an object, patches included. @returns its reference with the new version. @throws as `put` */
  async update(ref: RefLike, value: unknown, options?: PutOptions): Promise<ObjectRef> {
    return await this.#putValue(this.#target(ref), value, options);
  }

  /**
   * Appends to an object: a table of the same schema to a table, any other value to any other.
   * @throws {CacheError} OBJECT_NOT_FOUND; INVALID_REQUEST when the one does not fit the other; as `put`
   */
  async patch(ref: RefLike, value: unknown, options?: PutOptions): Promise<ObjectRef> {
    const { endpoint, key } = this.#target(ref);
    const messages = putMessages(await encodeValue(value));
    return await repeatCall(this.#time(options), mayWriteAgain, (call) =>
      sendPut(
        this.#client(endpoint),
        { kind: "command", command: `PATCH:${key}` },
        messages,
        putCall(call, options),
      ),
    );
  }

  /**
   * The object's current value, also when the reference is of an older version.
   * @throws {CacheError} OBJECT_NOT_FOUND; UNREADABLE_VALUE naming the type tag; UNREACHABLE; the server's error
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
   * The bytes of a value that was put as bytes, or of an uploaded file; of any other value its tag and payload. Without patches.
   * @throws {CacheError} UNREADABLE_VALUE for a table; as `get`
   */
  async getBytes(ref: RefLike, options: OperationOptions = {}): Promise<Uint8Array> {
    const { object, shared } = await this.#fetch(ref, options);
    if (object.kind === "table") throw unreadable("the object is a table: take get or getStream");
    return untaggedBytes(object.base, shared);
  }

  /**
   * The bytes of an object as they arrive: of a value of bytes, of an uploaded file, or a table as an Arrow IPC stream. Chunks may be
   * views; who keeps one copies it. Leaving the loop ends the call.
   * @throws {CacheError} UNREADABLE_VALUE for other values; as `get`
   */
  getStream(ref: RefLike, options?: OperationOptions): AsyncIterable<Uint8Array> {
    return this.#read(ref, options, (answer) => objectChunks(answer, { asStored: false }));
  }

  /**
   * The record batches of a table as they arrive: RecordBatch of apache-arrow, else a table of one batch.
   * @throws {CacheError} UNREADABLE_VALUE when the object is no table; as `get`
   */
  getBatches<T = unknown>(ref: RefLike, options?: OperationOptions): AsyncIterable<T> {
    const { tables } = this.#settings;
    return this.#read(ref, options, (answer) => objectBatches(answer, tables) as AsyncIterable<T>);
  }

  /**
   * Stores a stream of chunks as one value of bytes, or of record batches as one table, sent as they are made; never repeated.
   * @param name as for `put`
   * @throws {CacheError} INVALID_VALUE for an item that does not fit; what `items` throws: then nothing is stored; as `put`
   */
  async putStream(name: string, items: PutStreamItems, options?: PutOptions): Promise<ObjectRef> {
    const descriptor = { kind: "path", path: [checkPutName(name)] } as const;
    const call = putCall(this.#time(options).callOptions(), options);
    return await sendPut(this.#client(this.endpoint), descriptor, streamedValue(items), call);
  }

  /**
   * Deletes an object (a reference or key), a session (`app/session`) or an application (`app/*`). Nothing to delete is no error.
   * @throws {CacheError} INVALID_KEY; UNREACHABLE; the server's error
   */
  async delete(prefix: RefLike, options?: OperationOptions): Promise<void> {
    const { endpoint, key } = prefixTarget(prefix, this.endpoint);
    await repeatCall(this.#time(options), mayWriteAgain, async (call) => {
      for await (const _ of this.#client(endpoint).doAction("DELETE", key, call));
    });
  }

  /**
   * Keeps from eviction what a delete would name, also what comes later under a session or application. A pin that lasts longer stays.
   * @returns until when; undefined: until `unpin`.
   * @throws {CacheError} OBJECT_NOT_FOUND, INVALID_KEY; UNREACHABLE; the server's error
   */
  async pin(prefix: RefLike, options: PinOptions = {}): Promise<Date | undefined> {
    const { endpoint, key } = prefixTarget(prefix, this.endpoint);
    return await repeatCall(this.#time(options), mayWriteAgain, (call) =>
      pinNamed(this.#client(endpoint), key, options.ttlSeconds, call),
    );
  }

  /** Removes the pin with this name, and no other. @throws as `pin` */
  async unpin(prefix: RefLike, options?: OperationOptions): Promise<void> {
    const { endpoint, key } = prefixTarget(prefix, this.endpoint);
    await repeatCall(this.#time(options), mayWriteAgain, (call) =>
      unpinNamed(this.#client(endpoint), key, call),
    );
  }

  /**
   * Says how long an object may be served from now on, or each object of a session or application from its put.
   * @param ttlSeconds undefined: without end.
   * @returns until when what is there may be served; undefined: it has no end.
   * @throws as `pin`
   */
  async expire(
    prefix: RefLike,
    ttlSeconds: number | undefined,
    options?: OperationOptions,
  ): Promise<Date | undefined> {
    const { endpoint, key } = prefixTarget(prefix, this.endpoint);
    return await repeatCall(this.#time(options), mayWriteAgain, (call) =>
      expireNamed(this.#client(endpoint), key, ttlSeconds, call),
    );
  }

  /**
   * Gives an object as much time again as it was given before, or until a later time; never takes time away.
   * @returns until when it may be served; undefined: it has no end.
   * @throws {CacheError} OBJECT_NOT_FOUND; as `pin`
   */
  async renew(ref: RefLike, options: RenewOptions = {}): Promise<Date | undefined> {
    const { endpoint, key } = this.#target(ref);
    return await repeatCall(this.#time(options), mayWriteAgain, (call) =>
      renewObject(this.#client(endpoint), key, options.until, call),
    );
  }

  /**
   * What there is: everything, or what lies under `app`, `app/session` or a key, as the server finds it.
   * @throws {CacheError} INVALID_KEY; UNREACHABLE; the server's error
   */
  async *list(prefix: RefLike = "", options?: OperationOptions): AsyncGenerator<ObjectInfo, void, void> {
    const { endpoint, key } = prefixTarget(prefix, this.endpoint);
    const client = this.#client(endpoint);
    const infos = repeatUntilFirst(this.#time(options), (call) => client.listFlights(key, call));
    for await (const info of infos) yield objectInfo(info);
  }

  /** What is known of an object. @throws {CacheError} OBJECT_NOT_FOUND; as `list` */
  async stat(ref: RefLike, options?: OperationOptions): Promise<ObjectInfo> {
    const { endpoint, key } = this.#target(ref);
    return await repeatCall(this.#time(options), mayReadAgain, async (call) =>
      objectInfo(await this.#client(endpoint).getFlightInfo({ kind: "path", path: [key] }, call)),
    );
  }

  /**
   * Stores the bytes of a file as they are, in rows of 1 MiB, one or two of them in memory.
   * @param name as for `put`
   * @throws the system's error when the file cannot be read: then nothing is stored; as `put`
   */
  async uploadFile(name: string, path: string, options?: PutOptions): Promise<ObjectRef> {
    const descriptor = { kind: "path", path: [checkPutName(name)] } as const;
    return await repeatCall(this.#time(options), mayWriteAgain, (call) =>
      sendPut(
        this.#client(this.endpoint),
        descriptor,
        streamedPutMessages(readFileChunks(path)),
        putCall(call, options),
      ),
    );
  }

  /**
   * Writes an object's bytes to a file, as they are stored: an uploaded file is the same again, a value has its tag in front, a table
   * is an Arrow IPC stream. Written aside and renamed: `path` is the whole of it or what it was.
   * @returns bytes written
   * @throws the system's error when the file cannot be written; as `get`
   */
  async downloadFile(ref: RefLike, path: string, options?: OperationOptions): Promise<number> {
    const { endpoint, key } = this.#target(ref);
    return await repeatCall(this.#time(options), mayReadAgain, (call) => {
      const answer = this.#client(endpoint).doGet(formatTicket(key, 0), call);
      return writeFileWhole(path, objectChunks(answer, { asStored: true }));
    });
  }

  #target(ref: RefLike): ObjectTarget {
    return objectTarget(ref, this.endpoint);
  }

  #client(endpoint: string): FlightClient {
    return this.#pool.get(endpoint).client;
  }

  #time(options: OperationOptions = {}): OperationTime {
    return new OperationTime({ ...options, timeoutMs: options.timeoutMs ?? this.#settings.timeoutMs });
  }

  async #putValue({ endpoint, key }: ObjectTarget, value: unknown, options?: PutOptions): Promise<ObjectRef> {
    const messages = putMessages(await encodeValue(value));
    return await repeatCall(this.#time(options), mayWriteAgain, (call) =>
      sendPut(this.#client(endpoint), { kind: "path", path: [key] }, messages, putCall(call, options)),
    );
  }

  async #fetch(ref: RefLike, options: OperationOptions): Promise<FetchedObject> {
    const target = this.#target(ref);
    const { client, files } = this.#pool.get(target.endpoint);
    const { zeroCopy, objectBytesMax } = this.#settings;
    const context = { client, held: this.#held, files: zeroCopy ? files : undefined, objectBytesMax };
    return await repeatCall(this.#time(options), mayReadAgain, (call) => fetchObject(context, target, call));
  }

  /** Reads an object as it arrives; begins when the first item is asked for. */
  async *#read<T>(
    ref: RefLike,
    options: OperationOptions | undefined,
    read: (answer: AsyncIterable<IncomingFlightData>) => AsyncIterable<T>,
  ): AsyncGenerator<T, void, void> {
    const { endpoint, key } = this.#target(ref);
    const client = this.#client(endpoint);
    yield* repeatUntilFirst(this.#time(options), (call) => read(client.doGet(formatTicket(key, 0), call)));
  }

  /** Ends the connections; operations under way, and later ones, end with CANCELLED. */
  async close(): Promise<void> {
    await this.#pool.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
