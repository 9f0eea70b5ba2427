/**
 * A Flight client for tests over src/grpc: each method of the service as a function, answers taken apart.
 *
 * One connection. It sends what it is given, also what no honest client would.
 */
import {
  decodeActionType,
  decodeFlightInfo,
  decodePutResult,
  decodeResult,
  decodeSchemaResult,
  encodeAction,
  encodeCriteria,
  encodeTicket,
  type FlightInfo,
} from "../../src/flight/messages.ts";
import { FLIGHT_METHODS } from "../../src/flight/methods.ts";
import { formatTicket } from "../../src/flight/ticket.ts";
import { type CallOptions, GrpcClient } from "../../src/grpc/client.ts";
import type { ClientCall } from "../../src/grpc/client-call.ts";
import { LIMITS } from "../../src/limits.ts";
import { decodeObjectRef, type ObjectRef } from "../../src/object/object-ref.ts";
import { pathDescriptor, type ReceivedMessage, receiveFlightData } from "./flight-messages.ts";

export class FlightTestClient {
  readonly grpc: GrpcClient;

  /** @param endpoint `grpc://HOST:PORT` */
  constructor(endpoint: string) {
    const { hostname, port } = new URL(endpoint);
    this.grpc = new GrpcClient({ host: hostname, port: Number(port) });
  }

  close(): Promise<void> {
    return this.grpc.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Sends these messages, ends, and gives the answers: app_metadata of each PutResult. */
  async putAll(messages: readonly Buffer[], options?: CallOptions): Promise<Buffer[]> {
    const answers = await this.exchange(FLIGHT_METHODS.DoPut.path, messages, options);
    return answers.map(decodePutResult);
  }

  /** A put that is answered by one ObjectRef. */
  async put(messages: readonly Buffer[]): Promise<ObjectRef> {
    const answers = await this.putAll(messages);
    if (answers.length !== 1) throw new Error(`${answers.length} answers to a put`);
    return decodeObjectRef(answers[0]!);
  }

  async get(key: string, heldVersion?: number): Promise<ReceivedMessage[]> {
    return await this.getTicket(formatTicket(key, heldVersion));
  }

  async getTicket(ticket: Uint8Array, options?: CallOptions): Promise<ReceivedMessage[]> {
    const answers = await this.exchange(FLIGHT_METHODS.DoGet.path, [encodeTicket(ticket)], options);
    return answers.map(receiveFlightData);
  }

  async action(type: string, body: string | Uint8Array = ""): Promise<string[]> {
    const request = encodeAction({ type, body: Buffer.from(body) });
    const answers = await this.exchange(FLIGHT_METHODS.DoAction.path, [request]);
    return answers.map((answer) => decodeResult(answer).toString());
  }

  async listActions(): Promise<{ type: string; description: string }[]> {
    return (await this.exchange(FLIGHT_METHODS.ListActions.path, [Buffer.alloc(0)])).map(decodeActionType);
  }

  async info(...path: readonly string[]): Promise<FlightInfo> {
    return decodeFlightInfo(
      await this.grpc.unary(FLIGHT_METHODS.GetFlightInfo.path, pathDescriptor(...path)),
    );
  }

  async schema(...path: readonly string[]): Promise<Buffer> {
    return decodeSchemaResult(await this.grpc.unary(FLIGHT_METHODS.GetSchema.path, pathDescriptor(...path)));
  }

  async list(criteria = ""): Promise<FlightInfo[]> {
    return (await this.exchange(FLIGHT_METHODS.ListFlights.path, [encodeCriteria(criteria)])).map(
      decodeFlightInfo,
    );
  }

  /** The keys a list names, in order of text. */
  async keys(criteria = ""): Promise<string[]> {
    return (await this.list(criteria)).map((info) => decodeObjectRef(info.appMetadata).key).sort();
  }

  /** One call of any method: requests out, half-close, all answers in. @throws the error of its status. */
  async exchange(
    path: string,
    requests: readonly Buffer[] | readonly Uint8Array[],
    options?: CallOptions,
  ): Promise<Buffer[]> {
    const call = this.grpc.open(path, options);
    const answers = readAnswers(call);
    // Told by the answers when the server ends the call before all is sent.
    await send(call, requests).catch(() => {});
    return await answers;
  }
}

async function send(call: ClientCall, requests: readonly Uint8Array[]): Promise<void> {
  for (const request of requests) await call.write([request]);
  call.endRequests();
}

/** All answers of a call until its status. @throws the error of the status. */
export async function readAnswers(call: ClientCall): Promise<Buffer[]> {
  const answers: Buffer[] = [];
  for (let message = await call.responses.next(); message !== null; message = await call.responses.next()) {
    answers.push(await message.collect(LIMITS.streamedMessageBytesMax));
  }
  return answers;
}
