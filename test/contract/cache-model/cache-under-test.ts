/**
 * The real thing in the words of the model: calls of the Flight service, their answers taken apart.
 */

import { decodeSchema } from "../../../src/arrow/schema.ts";
import type { IndexedCacheOptions } from "../../../src/cache/indexed-cache.ts";
import type { ObjectCache } from "../../../src/cache/object-cache.ts";
import { isCacheError } from "../../../src/errors.ts";
import {
  decodeFlightInfo,
  decodePutResult,
  decodeResult,
  encodeAction,
  encodeCriteria,
  encodeTicket,
} from "../../../src/flight/messages.ts";
import { FLIGHT_METHODS } from "../../../src/flight/methods.ts";
import { formatTicket } from "../../../src/flight/ticket.ts";
import { decodeObjectRef, type ObjectRef } from "../../../src/object/object-ref.ts";
import { OPAQUE_SCHEMA_HEADER, VERSIONED_SCHEMA_HEADER } from "../../../src/object/object-schema.ts";
import type { Engine } from "../../support/cache-over.ts";
import { type CallManner, DirectService, type TestService } from "../../support/direct-service.ts";
import {
  commandDescriptor,
  opaqueRows,
  pathDescriptor,
  putMessages,
  type ReceivedMessage,
  receiveFlightData,
  valuePut,
} from "../../support/flight-messages.ts";
import { ServedService } from "../../support/served-service.ts";
import { SERVING_THREADS } from "../../support/serving-threads.ts";
import { goldenTable } from "../../unit/object/sample-objects.ts";
import { type Kind, type ModelAnswer, TABLES } from "./plain-model.ts";

/** The code of a refusal. Anything else that is thrown is thrown on. */
async function orCode<Value>(work: Promise<Value>): Promise<Value | string> {
  try {
    return await work;
  } catch (error) {
    if (isCacheError(error)) return error.code;
    throw error;
  }
}

export class CacheUnderTest {
  readonly #service: TestService;

  constructor(storage: Engine, options?: IndexedCacheOptions) {
    this.#service =
      SERVING_THREADS > 1
        ? new ServedService(storage, { threads: SERVING_THREADS, ...options })
        : new DirectService(storage, options);
  }

  get cache(): ObjectCache {
    return this.#service.cache;
  }

  start(): Promise<void> {
    return this.#service.start();
  }

  stop(): Promise<void> {
    return this.#service.stop();
  }

  put(key: string, kind: Kind, value: string, manner?: CallManner): Promise<ObjectRef | string> {
    return orCode(this.#put(pathDescriptor(key), kind, value, manner));
  }

  patch(key: string, kind: Kind, value: string, manner?: CallManner): Promise<ObjectRef | string> {
    return orCode(this.#put(commandDescriptor(`PATCH:${key}`), kind, value, manner));
  }

  async #put(descriptor: Uint8Array, kind: Kind, value: string, manner?: CallManner): Promise<ObjectRef> {
    const table = () => goldenTable(value);
    const messages =
      kind === "opaque"
        ? valuePut(descriptor, value)
        : putMessages(descriptor, table().schemaHeader, table().batches);
    const [answer] = await this.#service.call(FLIGHT_METHODS.DoPut.path, messages, manner);
    return decodeObjectRef(decodePutResult(answer!));
  }

  get(key: string, held: number | undefined, manner?: CallManner): Promise<ModelAnswer | string> {
    return orCode(this.#get(key, held, manner));
  }

  async #get(key: string, held: number | undefined, manner?: CallManner): Promise<ModelAnswer> {
    const request = encodeTicket(formatTicket(key, held));
    const answers = await this.#service.call(FLIGHT_METHODS.DoGet.path, [request], manner);
    const received = answers.map(receiveFlightData);
    const { header } = received[0]!;
    if (header.equals(OPAQUE_SCHEMA_HEADER)) return { schema: "plain", rows: opaqueRows(received) as never };
    if (header.equals(VERSIONED_SCHEMA_HEADER))
      return { schema: "versioned", rows: opaqueRows(received) as never };
    return { schema: tableSchema(header), tables: tableNames(received.slice(1)) };
  }

  /** The answer to an action, or the code of its refusal. */
  act(type: string, body: string | Uint8Array): Promise<Buffer | string> {
    const request = encodeAction({ type, body: Buffer.from(body) });
    const answers = this.#service.call(FLIGHT_METHODS.DoAction.path, [request]);
    return orCode(answers.then(([answer]) => decodeResult(answer!)));
  }

  /** @param body what the action takes: a key, a prefix or `app/*`. */
  async delete(body: string): Promise<void> {
    const request = encodeAction({ type: "DELETE", body: Buffer.from(body) });
    await this.#service.call(FLIGHT_METHODS.DoAction.path, [request]);
  }

  /** Keys in order of text. */
  async list(criteria: string): Promise<string[]> {
    const answers = await this.#service.call(FLIGHT_METHODS.ListFlights.path, [encodeCriteria(criteria)]);
    return answers.map((answer) => decodeObjectRef(decodeFlightInfo(answer).appMetadata).key).sort();
  }

  version(key: string): Promise<number | string> {
    return orCode(
      this.#service.call(FLIGHT_METHODS.GetFlightInfo.path, [pathDescriptor(key)]).then(([answer]) => {
        return decodeObjectRef(decodeFlightInfo(answer!).appMetadata).version;
      }),
    );
  }
}

function tableSchema(header: Buffer): "as put" | `version ${number}` {
  const version = decodeSchema(header).metadata.find(([key]) => key === "flame.cache.version")?.[1];
  return version === undefined ? "as put" : `version ${Number(version)}`;
}

/** Which golden streams the batches are, one after the other. */
function tableNames(batches: readonly ReceivedMessage[]): string[] {
  const names: string[] = [];
  let rest = batches.map(({ body }) => body.toString("hex"));
  while (rest.length > 0) {
    const name = TABLES.find((candidate) => {
      const bodies = goldenTable(candidate).batches.map(({ body }) => body.toString("hex"));
      return bodies.every((body, index) => rest[index] === body);
    });
    if (name === undefined) return [...names, "something else"];
    names.push(name);
    rest = rest.slice(goldenTable(name).batches.length);
  }
  return names;
}
