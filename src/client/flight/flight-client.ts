/**
 * A plain Arrow Flight client: one method per RPC, for any Flight server.
 *
 * It moves messages and does not decode Arrow: headers and bodies are bytes (ipc-stream.ts frames
 * them for libraries). DoGet, DoPut and all other calls have a connection each, opened at first
 * use: large transfers in both directions on one connection can block each other. Nothing is
 * retried here. An error of the server is a CacheError if it has one of the cache's codes, else a
 * GrpcError with its status and text. If a server cannot be reached or is lost, any method throws
 * UNREACHABLE (client-keepalive.ts).
 * Source: the Arrow Flight RPC specification; docs/flight-client.md.
 */
import { formatDialEndpoint } from "../../config/endpoint.ts";
import { CacheError } from "../../errors.ts";
import { encodeDescriptor, type FlightDescriptor } from "../../flight/descriptor.ts";
import { decodeListedFlight } from "../../flight/flight-info-reader.ts";
import {
  type ActionType,
  decodeActionType,
  decodeFlightInfo,
  decodeHandshakeResponse,
  decodePutResult,
  decodeResult,
  decodeSchemaResult,
  encodeAction,
  encodeCriteria,
  encodeHandshakeRequest,
  encodeTicket,
  type FlightInfo,
} from "../../flight/messages.ts";
import { FLIGHT_METHODS } from "../../flight/methods.ts";
import { decodePollInfo, type PollInfo } from "../../flight/poll-info.ts";
import { bytesOf } from "../../flight/text.ts";
import { type CallOptions, GrpcClient } from "../../grpc/client.ts";
import type { ClientCall } from "../../grpc/client-call.ts";
import type { MetadataEntries } from "../../grpc/metadata.ts";
import { basicAuthorization, bearerAuthorization } from "./basic-auth.ts";
import { type FlightCallOptions, type FlightClientOptions, readDialOptions } from "./flight-options.ts";
import { type IncomingFlightData, readFlightData } from "./incoming-flight-data.ts";
import {
  type OutgoingFlightData,
  type OutgoingFlightMessages,
  writeExchange,
  writePut,
} from "./outgoing-flight-data.ts";
import { type Outgoing, smallAnswers, streamAnswers, streamBoth } from "./streamed-calls.ts";

export type { FlightCallOptions, FlightClientOptions } from "./flight-options.ts";

type Channel = "get" | "put" | "other";

export class FlightClient {
  /** The dialled address: `grpc://HOST:PORT` or `grpc+tls://HOST:PORT`. */
  readonly endpoint: string;
  readonly #channels: Readonly<Record<Channel, GrpcClient>>;
  readonly #metadata: () => MetadataEntries;
  readonly #timeoutMs: number | undefined;
  #isClosed = false;

  /** Does not connect yet. @throws {CacheError} INVALID_CONFIG for an invalid endpoint */
  constructor(options: FlightClientOptions) {
    const { endpoint, dial } = readDialOptions(options);
    this.endpoint = formatDialEndpoint(endpoint);
    this.#channels = { get: new GrpcClient(dial), put: new GrpcClient(dial), other: new GrpcClient(dial) };
    const { metadata = {} } = options;
    this.#metadata = typeof metadata === "function" ? metadata : () => metadata;
    this.#timeoutMs = options.timeoutMs;
  }

  /**
   * True if the connection of earlier `doGet`s was lost. The server may have restarted since, and
   * may count versions from 1 again. For callers that remember versions.
   */
  get hasLostGets(): boolean {
    return this.#channels.get.hasLostConnection;
  }

  /**
   * The messages of a ticket: the schema, then dictionaries and record batches, each as it arrives.
   * @throws {CacheError | GrpcError} from the iteration, not from the call of this method
   */
  doGet(ticket: string | Uint8Array, options?: FlightCallOptions): AsyncIterable<IncomingFlightData> {
    const open = this.#opener("get", FLIGHT_METHODS.DoGet.path, options);
    return streamAnswers(open, encodeTicket(bytesOf(ticket)), readFlightData);
  }

  /**
   * Sends messages, schema first, and yields the app_metadata of each PutResult as it arrives. The
   * put starts with the iteration and is done when the iteration ends. An error of `messages`, or
   * leaving the loop early, cancels the put.
   * @throws {CacheError | GrpcError} the server's error at once, even if messages remain to be
   *   sent; CANCELLED if the server ends the call with OK before that; errors of `messages`
   */
  doPut(
    descriptor: FlightDescriptor,
    messages: OutgoingFlightMessages,
    options?: FlightCallOptions,
  ): AsyncIterable<Buffer> {
    const open = this.#opener("put", FLIGHT_METHODS.DoPut.path, options);
    return streamBoth(open, flightDataOf(descriptor, messages, writePut), smallAnswers(decodePutResult));
  }

  /**
   * Sends and receives at the same time. The descriptor is sent at once, so that the first message
   * may wait for an answer. The server may end the call at any time; unsent messages are dropped.
   * @throws {CacheError | GrpcError} the server's error; errors of `messages`
   */
  doExchange(
    descriptor: FlightDescriptor,
    messages: OutgoingFlightMessages,
    options?: FlightCallOptions,
  ): AsyncIterable<IncomingFlightData> {
    const open = this.#opener("other", FLIGHT_METHODS.DoExchange.path, options);
    return streamBoth(open, flightDataOf(descriptor, messages, writeExchange), readFlightData);
  }

  /**
   * Schema, size and endpoints of a flight.
   * @throws {CacheError | GrpcError} the server's error, such as OBJECT_NOT_FOUND
   */
  async getFlightInfo(descriptor: FlightDescriptor, options?: FlightCallOptions): Promise<FlightInfo> {
    return decodeFlightInfo(
      await this.#unary(FLIGHT_METHODS.GetFlightInfo.path, encodeDescriptor(descriptor), options),
    );
  }

  /**
   * The progress of a query. Call it again with the answer's descriptor until there is none.
   * @throws {CacheError | GrpcError} the server's error; NOT_IMPLEMENTED or UNIMPLEMENTED from most
   *   servers
   */
  async pollFlightInfo(descriptor: FlightDescriptor, options?: FlightCallOptions): Promise<PollInfo> {
    return decodePollInfo(
      await this.#unary(FLIGHT_METHODS.PollFlightInfo.path, encodeDescriptor(descriptor), options),
    );
  }

  /**
   * The encapsulated schema message: 0xFFFFFFFF, int32 size, flatbuffer, padding.
   * @throws {CacheError | GrpcError} the server's error
   */
  async getSchema(descriptor: FlightDescriptor, options?: FlightCallOptions): Promise<Buffer> {
    return decodeSchemaResult(
      await this.#unary(FLIGHT_METHODS.GetSchema.path, encodeDescriptor(descriptor), options),
    );
  }

  /**
   * The flights that match the criteria, which the server defines.
   * @throws {CacheError | GrpcError} the server's error
   */
  listFlights(criteria: string | Uint8Array = "", options?: FlightCallOptions): AsyncIterable<FlightInfo> {
    const open = this.#opener("other", FLIGHT_METHODS.ListFlights.path, options);
    return streamAnswers(open, encodeCriteria(criteria), smallAnswers(decodeListedFlight));
  }

  /**
   * The bodies of an action's results.
   * @throws {CacheError | GrpcError} the server's error, such as for an unknown name
   */
  doAction(type: string, body: string | Uint8Array = "", options?: FlightCallOptions): AsyncIterable<Buffer> {
    const open = this.#opener("other", FLIGHT_METHODS.DoAction.path, options);
    return streamAnswers(open, encodeAction({ type, body: bytesOf(body) }), smallAnswers(decodeResult));
  }

  /** The actions that the server offers. @throws {CacheError | GrpcError} the server's error */
  listActions(options?: FlightCallOptions): AsyncIterable<ActionType> {
    const open = this.#opener("other", FLIGHT_METHODS.ListActions.path, options);
    return streamAnswers(open, new Uint8Array(0), smallAnswers(decodeActionType));
  }

  /**
   * Sends payloads and yields those of the server at the same time. Both sides define their
   * meaning.
   * @throws {CacheError | GrpcError} the server's error, such as UNAUTHENTICATED
   */
  handshake(
    payloads: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
    options?: FlightCallOptions,
  ): AsyncIterable<Buffer> {
    const outgoing = {
      messages: payloads,
      writeAll: (call: ClientCall) => async (all: AsyncIterable<Uint8Array>) => {
        for await (const payload of all) await call.write([encodeHandshakeRequest(payload)]);
      },
      mustSendAll: false,
    };
    const open = this.#opener("other", FLIGHT_METHODS.Handshake.path, options);
    return streamBoth(open, outgoing, smallAnswers(decodeHandshakeResponse));
  }

  /**
   * Exchanges name and password for metadata to send with every later call, if the server offers
   * it.
   * @throws {CacheError | GrpcError} the server's error; UNAUTHENTICATED if it answers without a
   *   token
   */
  async authenticateBasic(
    username: string,
    password: string,
    options: FlightCallOptions = {},
  ): Promise<MetadataEntries> {
    const metadata = { ...options.metadata, ...basicAuthorization(username, password) };
    return await bearerAuthorization(
      this.#opener("other", FLIGHT_METHODS.Handshake.path, { ...options, metadata })(),
    );
  }

  /** Closes the connections. Running and later calls fail with CANCELLED. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all(Object.values(this.#channels).map((channel) => channel.close()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #unary(path: string, request: Uint8Array, options?: FlightCallOptions): Promise<Buffer> {
    this.#throwIfClosed();
    return this.#channels.other.unary(path, request, this.#callOptions(options));
  }

  #opener(channel: Channel, path: string, options?: FlightCallOptions): () => ClientCall {
    return () => {
      this.#throwIfClosed();
      return this.#channels[channel].open(path, this.#callOptions(options));
    };
  }

  #callOptions({ metadata, timeoutMs = this.#timeoutMs, signal }: FlightCallOptions = {}): CallOptions {
    return {
      metadata: { ...this.#metadata(), ...metadata },
      ...(timeoutMs !== undefined && { timeoutMs }),
      ...(signal && { signal }),
    };
  }

  #throwIfClosed(): void {
    if (this.#isClosed) throw new CacheError("CANCELLED", "the client is closed");
  }
}

/** A put that the server did not read completely has failed; an exchange may end early. */
function flightDataOf(
  descriptor: FlightDescriptor,
  messages: OutgoingFlightMessages,
  write: typeof writePut,
): Outgoing<OutgoingFlightData> {
  const mustSendAll = write === writePut;
  return { messages, writeAll: (call) => (all) => write(call, descriptor, all), mustSendAll };
}
