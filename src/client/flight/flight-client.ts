/**
 * A plain Arrow Flight client: one method per RPC, for any Flight server.
 *
 * It moves messages and knows no Arrow: headers and bodies are bytes (ipc-stream.ts frames them for libraries).
 * Bulk in (DoGet), bulk out (DoPut) and everything else have a connection each, made when first used: two directions of
 * bulk on one connection can stop each other. Nothing is retried here.
 * Errors of the server are CacheErrors when they name one of the cache's codes, else GrpcErrors with its status and text. A
 * server that cannot be reached, or vanishes, is UNREACHABLE (client-keepalive.ts says when), so each method may throw it.
 * Source: the Arrow Flight RPC specification; docs/flight-client.md.
 */
import { formatDialEndpoint } from "../../config/endpoint.ts";
import { CacheError } from "../../errors.ts";
import { encodeDescriptor, type FlightDescriptor } from "../../flight/descriptor.ts";
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
  /** As clients dial it: `grpc://HOST:PORT` or `grpc+tls://HOST:PORT`. */
  readonly endpoint: string;
  readonly #channels: Readonly<Record<Channel, GrpcClient>>;
  readonly #metadata: MetadataEntries;
  readonly #timeoutMs: number | undefined;
  #isClosed = false;

  /** Connects to nothing yet. @throws {CacheError} INVALID_CONFIG when the endpoint is not one */
  constructor(options: FlightClientOptions) {
    const { endpoint, dial } = readDialOptions(options);
    this.endpoint = formatDialEndpoint(endpoint);
    this.#channels = { get: new GrpcClient(dial), put: new GrpcClient(dial), other: new GrpcClient(dial) };
    this.#metadata = options.metadata ?? {};
    this.#timeoutMs = options.timeoutMs;
  }

  /**
   * True when the connection of earlier `doGet`s is gone: the next one may meet a server that was started anew, whose versions
   * count from 1 again. For callers who remember versions.
   */
  get hasLostGets(): boolean {
    return this.#channels.get.hasLostConnection;
  }

  /**
   * What a ticket stands for: schema, then dictionaries and record batches, each as it arrives.
   * @throws {CacheError | GrpcError} when the first message or a later one is asked for
   */
  doGet(ticket: string | Uint8Array, options?: FlightCallOptions): AsyncIterable<IncomingFlightData> {
    const open = this.#opener("get", FLIGHT_METHODS.DoGet.path, options);
    return streamAnswers(open, encodeTicket(bytesOf(ticket)), readFlightData);
  }

  /**
   * Sends messages, schema first, and gives the app_metadata of each PutResult while it does: as the server answers, in its
   * order. The put is done when the iteration ends; nothing is sent before it begins. A source that throws, and a loop that
   * is left early, cancel the put.
   * @throws {CacheError | GrpcError} the server's error at once, also while messages are left to send; CANCELLED when it
   *   ends the call with OK before that; what `messages` throws
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
   * Sends and receives side by side. The server hears of the descriptor at once, so that the first message may wait for an
   * answer. The server may end when it likes; what is unsent then is dropped.
   * @throws {CacheError | GrpcError} the server's error; what `messages` throws
   */
  doExchange(
    descriptor: FlightDescriptor,
    messages: OutgoingFlightMessages,
    options?: FlightCallOptions,
  ): AsyncIterable<IncomingFlightData> {
    const open = this.#opener("other", FLIGHT_METHODS.DoExchange.path, options);
    return streamBoth(open, flightDataOf(descriptor, messages, writeExchange), readFlightData);
  }

  /** Schema, size and places of a flight. @throws {CacheError | GrpcError} the server's error, as for one that is not there */
  async getFlightInfo(descriptor: FlightDescriptor, options?: FlightCallOptions): Promise<FlightInfo> {
    return decodeFlightInfo(
      await this.#ask(FLIGHT_METHODS.GetFlightInfo.path, encodeDescriptor(descriptor), options),
    );
  }

  /**
   * How far a query is; ask again with the answer's descriptor until it has none.
   * @throws {CacheError | GrpcError} the server's error; NOT_IMPLEMENTED or UNIMPLEMENTED from most
   */
  async pollFlightInfo(descriptor: FlightDescriptor, options?: FlightCallOptions): Promise<PollInfo> {
    return decodePollInfo(
      await this.#ask(FLIGHT_METHODS.PollFlightInfo.path, encodeDescriptor(descriptor), options),
    );
  }

  /** The encapsulated schema message: 0xFFFFFFFF, int32 size, flatbuffer, padding. @throws {CacheError | GrpcError} the server's error */
  async getSchema(descriptor: FlightDescriptor, options?: FlightCallOptions): Promise<Buffer> {
    return decodeSchemaResult(
      await this.#ask(FLIGHT_METHODS.GetSchema.path, encodeDescriptor(descriptor), options),
    );
  }

  /** The flights that fit; what criteria mean is the server's affair. @throws {CacheError | GrpcError} the server's error */
  listFlights(criteria: string | Uint8Array = "", options?: FlightCallOptions): AsyncIterable<FlightInfo> {
    const open = this.#opener("other", FLIGHT_METHODS.ListFlights.path, options);
    return streamAnswers(open, encodeCriteria(criteria), smallAnswers(decodeFlightInfo));
  }

  /** The bodies of an action's results. @throws {CacheError | GrpcError} the server's error, as for a name it does not know */
  doAction(type: string, body: string | Uint8Array = "", options?: FlightCallOptions): AsyncIterable<Buffer> {
    const open = this.#opener("other", FLIGHT_METHODS.DoAction.path, options);
    return streamAnswers(open, encodeAction({ type, body: bytesOf(body) }), smallAnswers(decodeResult));
  }

  /** The actions the server offers. @throws {CacheError | GrpcError} the server's error */
  listActions(options?: FlightCallOptions): AsyncIterable<ActionType> {
    const open = this.#opener("other", FLIGHT_METHODS.ListActions.path, options);
    return streamAnswers(open, new Uint8Array(0), smallAnswers(decodeActionType));
  }

  /**
   * Sends payloads and gives those of the server, side by side; what they mean is between the two.
   * @throws {CacheError | GrpcError} the server's error, UNAUTHENTICATED for a payload it does not accept
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
      mustBeTaken: false,
    };
    const open = this.#opener("other", FLIGHT_METHODS.Handshake.path, options);
    return streamBoth(open, outgoing, smallAnswers(decodeHandshakeResponse));
  }

  /**
   * Trades name and password for metadata to send with every later call, where the server does that.
   * @throws {CacheError | GrpcError} the server's error; UNAUTHENTICATED when it answers without a token
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

  /** Ends the connections; calls under way end with CANCELLED, and so do later ones. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all(Object.values(this.#channels).map((channel) => channel.close()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #ask(path: string, request: Uint8Array, options?: FlightCallOptions): Promise<Buffer> {
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
      metadata: { ...this.#metadata, ...metadata },
      ...(timeoutMs !== undefined && { timeoutMs }),
      ...(signal && { signal }),
    };
  }

  #throwIfClosed(): void {
    if (this.#isClosed) throw new CacheError("CANCELLED", "the client is closed");
  }
}

/** A put that is not taken whole has failed; what is exchanged is between the two. */
function flightDataOf(
  descriptor: FlightDescriptor,
  messages: OutgoingFlightMessages,
  write: typeof writePut,
): Outgoing<OutgoingFlightData> {
  const mustBeTaken = write === writePut;
  return { messages, writeAll: (call) => (all) => write(call, descriptor, all), mustBeTaken };
}
