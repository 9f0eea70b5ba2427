/**
 * Call metadata: HTTP/2 headers and trailers in the form of gRPC.
 *
 * Names are lower case. Values are printable ASCII, or bytes as base64 if the name ends in `-bin`.
 * Base64 is accepted with or without padding and sent without, as the specification requires. The
 * header decoder joins several values of one name with ", ", which base64 cannot contain: the first
 * is used.
 * Source: grpc/doc/PROTOCOL-HTTP2.md, "Custom-Metadata".
 */
import type { IncomingHttpHeaders, OutgoingHttpHeaders } from "node:http2";
import { assert } from "../errors.ts";
import type { CallMetadata } from "./call.ts";

const BINARY_SUFFIX = "-bin";
const NAME = /^[0-9a-z_.-]+$/;
const PRINTABLE = /^[\x20-\x7e]*$/;

/** Reads headers as received. Decodes a value only on demand. */
export class HeaderMetadata implements CallMetadata {
  readonly #headers: IncomingHttpHeaders | ReadonlyMap<string, string>;

  /** @param headers from node:http2, or the fields of a decoded block */
  constructor(headers: IncomingHttpHeaders | ReadonlyMap<string, string>) {
    this.#headers = headers;
  }

  get(name: string): string | undefined {
    if (this.#headers instanceof Map) return this.#headers.get(name);
    const value = (this.#headers as IncomingHttpHeaders)[name];
    return Array.isArray(value) ? value.join(", ") : value;
  }

  getBinary(name: string): Buffer | undefined {
    assert(name.endsWith(BINARY_SUFFIX), "binary metadata has a name that ends in -bin");
    const value = this.get(name);
    if (value === undefined) return undefined;
    const comma = value.indexOf(",");
    return Buffer.from(comma < 0 ? value : value.slice(0, comma), "base64");
  }
}

/** Outgoing entries by name: text, or bytes if the name ends in `-bin`. */
export type MetadataEntries = Readonly<Record<string, string | Buffer>>;

/** Adds one entry to outgoing headers. An invalid name or value is a programming error. */
export function setMetadata(headers: OutgoingHttpHeaders, name: string, value: string | Buffer): void {
  assert(NAME.test(name) && !name.startsWith("grpc-"), `metadata cannot be named ${name}`);
  const isBinary = name.endsWith(BINARY_SUFFIX);
  assert(isBinary === (typeof value !== "string"), "a name ends in -bin if and only if its value is bytes");
  if (typeof value !== "string") {
    headers[name] = value.toString("base64").replace(/=+$/, "");
    return;
  }
  assert(PRINTABLE.test(value), `metadata ${name} is not printable ASCII`);
  headers[name] = value;
}
