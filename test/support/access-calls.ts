/**
 * The calls of the access table: one of each verb, over gRPC or over HTTP, as one caller.
 *
 * Each call gives `yes`, or the code of its refusal. A call that fails for another reason fails its test.
 */
import { decodeFlightInfo, encodeAction, encodeCriteria, encodeTicket } from "../../src/flight/messages.ts";
import { FLIGHT_METHODS } from "../../src/flight/methods.ts";
import { formatTicket } from "../../src/flight/ticket.ts";
import { decodeObjectRef } from "../../src/object/object-ref.ts";
import type { Caller, ObjectVerb } from "./access-table.ts";
import { tokenOf } from "./access-table.ts";
import type { FlightTestClient } from "./flight-client.ts";
import { commandDescriptor, pathDescriptor, valuePut } from "./flight-messages.ts";

export interface TableCalls {
  /** One call of this verb. */
  call(verb: ObjectVerb, key: string): Promise<string>;
  /** The keys of a list, or the code of its refusal. */
  list(prefix: string): Promise<string>;
  /** Deletes everything of a name. */
  deleteAll(name: string): Promise<string>;
}

function headersOf(caller: Caller): Record<string, string> {
  return caller === "anonymous" ? {} : { authorization: `Bearer ${tokenOf(caller)}` };
}

/** The code of the error table, which begins the text of every error. */
function codeOf(error: unknown): string {
  const code = /^\[([A-Z_]+)\]/.exec((error as Error).message)?.[1];
  if (code === undefined) throw error;
  return code;
}

export class GrpcTableCalls implements TableCalls {
  readonly #client: FlightTestClient;
  readonly #metadata: Record<string, string>;

  constructor(client: FlightTestClient, caller: Caller) {
    this.#client = client;
    this.#metadata = headersOf(caller);
  }

  call(verb: ObjectVerb, key: string): Promise<string> {
    switch (verb) {
      case "get":
        return this.#answer("DoGet", [encodeTicket(formatTicket(key))]);
      case "put":
        return this.#answer("DoPut", valuePut(pathDescriptor(key), "value"));
      case "patch":
        return this.#answer("DoPut", valuePut(commandDescriptor(`PATCH:${key}`), "more"));
      case "delete":
        return this.deleteAll(key);
      case "list":
        return this.#answer("ListFlights", [encodeCriteria(key)]);
    }
  }

  async list(prefix: string): Promise<string> {
    try {
      const infos = await this.#exchange("ListFlights", [encodeCriteria(prefix)]);
      const keys = infos.map((info) => decodeObjectRef(decodeFlightInfo(info).appMetadata).key);
      return keys.toSorted().join(" ");
    } catch (error) {
      return codeOf(error);
    }
  }

  deleteAll(name: string): Promise<string> {
    return this.#answer("DoAction", [encodeAction({ type: "DELETE", body: Buffer.from(name) })]);
  }

  async #answer(method: keyof typeof FLIGHT_METHODS, requests: readonly Uint8Array[]): Promise<string> {
    try {
      await this.#exchange(method, requests);
      return "yes";
    } catch (error) {
      return codeOf(error);
    }
  }

  #exchange(method: keyof typeof FLIGHT_METHODS, requests: readonly Uint8Array[]): Promise<Buffer[]> {
    return this.#client.exchange(FLIGHT_METHODS[method].path, requests, { metadata: this.#metadata });
  }
}

/** The list was answered, and left the object out. */
export const HIDDEN = "hidden";

const METHODS = { get: "GET", put: "PUT", patch: "PATCH", delete: "DELETE" } as const;

export class HttpTableCalls implements Omit<TableCalls, "deleteAll"> {
  readonly #url: string;
  readonly #headers: Record<string, string>;

  /** @param url of the listener, without a path */
  constructor(url: string, caller: Caller) {
    this.#url = url;
    this.#headers = headersOf(caller);
  }

  async call(verb: ObjectVerb, key: string): Promise<string> {
    if (verb === "list") return await this.#listOne(key);
    const body = verb === "put" || verb === "patch" ? Buffer.from("value") : null;
    const headers = { ...this.#headers, "content-type": "application/octet-stream" };
    const response = await fetch(`${this.#url}/v1/objects/${key}`, { method: METHODS[verb], headers, body });
    return codeOfAnswer(response.status, await response.text());
  }

  /** Over HTTP a prefix is a text; with a slash behind it, it is an application or a session. */
  async list(prefix: string): Promise<string> {
    const { code, keys } = await this.#list(prefix === "" ? "" : `${prefix}/`);
    return code === "yes" ? keys.toSorted().join(" ") : code;
  }

  /** Whether a list of the object's session shows the object. */
  async #listOne(key: string): Promise<string> {
    const { code, keys } = await this.#list(key);
    return code === "yes" && !keys.includes(key) ? HIDDEN : code;
  }

  async #list(prefix: string): Promise<{ code: string; keys: string[] }> {
    const query = new URLSearchParams({ prefix });
    const response = await fetch(`${this.#url}/v1/objects?${query}`, { headers: this.#headers });
    const text = await response.text();
    const code = codeOfAnswer(response.status, text);
    const { objects = [] } = JSON.parse(text) as { objects?: { key: string }[] };
    return { code, keys: objects.map(({ key }) => key) };
  }
}

function codeOfAnswer(status: number, text: string): string {
  if (status < 300) return "yes";
  const { code } = JSON.parse(text) as { code?: string };
  if (code === undefined) throw new Error(`${status} ${text}`);
  return code;
}
