/**
 * What the caller of a DoGet holds, and how it takes the answer, as its call headers say (docs/protocol.md, "Gets that keep
 * what they got"). Headers count for a ticket with a version only.
 *
 *     flame-instance: ID         where the caller has its version from; empty when it has none yet
 *     flame-row-bytes: 16777216  an opaque value comes in rows of at most this many bytes
 *     flame-file-locations: 1    a large object may be answered by the location of its file
 *
 * A caller that sends none of them is answered as PROTOCOL says. Cost: three lookups per get.
 */
import { randomUUID } from "node:crypto";
import type { SchemaMetadata } from "../arrow/key-values.ts";
import { CacheError } from "../errors.ts";
import type { ServerCall } from "../grpc/call.ts";
import { LIMITS } from "../limits.ts";
import { SCHEMA_KEY_INSTANCE, versionedSchema } from "../object/object-schema.ts";
import { FILE_LOCATIONS_HEADER } from "./file-location.ts";

const INSTANCE_HEADER = "flame-instance";
const ROW_BYTES_HEADER = "flame-row-bytes";
const BYTES = /^\d{1,10}$/;
const NO_METADATA: SchemaMetadata = [];

/** One run of a server: a version that a caller has from another run may belong to another object by now. */
export class ServerInstance {
  readonly metadata: SchemaMetadata;
  readonly versionedSchema: Buffer;
  readonly #id = randomUUID();

  constructor() {
    this.metadata = [[SCHEMA_KEY_INSTANCE, this.#id]];
    this.versionedSchema = versionedSchema(this.metadata);
  }

  is(id: string): boolean {
    return id === this.#id;
  }
}

export interface GetTerms {
  /** The version the caller holds; undefined for a ticket without one. */
  readonly heldVersion: number | undefined;
  /** Set when the caller wants to know which run of the server answers. */
  readonly instance: ServerInstance | undefined;
  /** Values over this many bytes come as several rows. */
  readonly rowBytesMax: number | undefined;
  readonly takesLocation: boolean;
}

/** @throws {CacheError} INVALID_REQUEST */
export function getTerms(call: ServerCall, instance: ServerInstance, version: number | undefined): GetTerms {
  const { metadata } = call;
  const held = version === undefined ? undefined : metadata.get(INSTANCE_HEADER);
  return {
    heldVersion: held === undefined || instance.is(held) ? version : 0,
    instance: held === undefined ? undefined : instance,
    rowBytesMax: version === undefined ? undefined : rowBytesMax(metadata.get(ROW_BYTES_HEADER)),
    takesLocation:
      version !== undefined && metadata.get(FILE_LOCATIONS_HEADER) === "1" && call.isFromThisHost,
  };
}

export function instanceMetadata({ instance }: GetTerms): SchemaMetadata {
  return instance?.metadata ?? NO_METADATA;
}

function rowBytesMax(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!BYTES.test(text)) {
    throw new CacheError("INVALID_REQUEST", `${ROW_BYTES_HEADER} must be a number of bytes such as 16777216`);
  }
  return Math.min(Math.max(Number(text), LIMITS.askedRowBytesMin), LIMITS.opaqueWireRowBytesMax);
}
