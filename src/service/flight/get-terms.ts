/**
 * The terms of a DoGet: the version that the caller holds, and the forms of answer that it accepts,
 * from its call headers (docs/protocol.md, "Gets that keep what they got").
 *
 *     flame-instance: ID         the server run of the caller's version; empty if it has none
 *     flame-row-bytes: 16777216  maximum bytes of one row of an opaque value
 *     flame-file-locations: 1    the server may answer with the file location of a large object;
 *                                a larger number is the minimum size of such an object in bytes
 *     flame-replicas: TAG        the list of replicas that the caller has; empty: none
 *     flame-at-least-version: 7  any object of this version or a later one will do
 *
 * All but the last apply only to a ticket with a version. Without them the answer follows
 * docs/protocol.md, "DoGet".
 * Cost: four lookups per get, and one more if there are replicas.
 */
import { randomUUID } from "node:crypto";
import type { SchemaMetadata } from "../../arrow/key-values.ts";
import { CacheError } from "../../errors.ts";
import { REPLICAS_HEADER, type ReplicaList } from "../../flight/replica-list.ts";
import type { ServerCall } from "../../grpc/call.ts";
import { LIMITS } from "../../limits.ts";
import {
  SCHEMA_KEY_INSTANCE,
  SCHEMA_KEY_REPLICAS,
  VERSIONED_SCHEMA_HEADER,
  versionedSchema,
} from "../../object/object-schema.ts";
import { AT_LEAST_HEADER, atLeastVersion } from "../at-least-version.ts";
import { FILE_LOCATIONS_HEADER } from "./file-location.ts";

const INSTANCE_HEADER = "flame-instance";
const ROW_BYTES_HEADER = "flame-row-bytes";
const BYTES = /^\d{1,10}$/;
/** One run of a server. A version from another run may belong to another object. */
export class ServerInstance {
  readonly metadata: SchemaMetadata;
  readonly versionedSchema: Buffer;
  readonly #id = randomUUID();

  constructor() {
    this.metadata = [[SCHEMA_KEY_INSTANCE, this.#id]];
    this.versionedSchema = versionedSchema(this.metadata);
  }

  /** A text that no other run has. */
  get id(): string {
    return this.#id;
  }

  is(id: string): boolean {
    return id === this.#id;
  }
}

export interface GetTerms {
  /** The version the caller holds; undefined for a ticket without one. */
  readonly heldVersion: number | undefined;
  /** Set if the caller requests the id of the server run. */
  readonly instance: ServerInstance | undefined;
  /** A value over this many bytes is sent as several rows. */
  readonly rowBytesMax: number | undefined;
  /** Objects of this size and more may be answered by their file's location; undefined: none. */
  readonly locatedBytesMin: number | undefined;
  /** The replicas, if the caller asks for them and has another list. */
  readonly replicas: ReplicaList | undefined;
  /** The caller accepts an object of this version or a later one; undefined: the current one. */
  readonly atLeastVersion: number | undefined;
}

export interface ServerTerms {
  readonly instance: ServerInstance;
  /** Undefined: the server has no replicas. */
  readonly replicas: ReplicaList | undefined;
}

/** @throws {CacheError} INVALID_REQUEST */
export function getTerms(
  call: ServerCall,
  { instance, replicas }: ServerTerms,
  version: number | undefined,
): GetTerms {
  const { metadata } = call;
  const held = version === undefined ? undefined : metadata.get(INSTANCE_HEADER);
  return {
    heldVersion: held === undefined || instance.is(held) ? version : 0,
    instance: held === undefined ? undefined : instance,
    rowBytesMax: version === undefined ? undefined : rowBytesMax(metadata.get(ROW_BYTES_HEADER)),
    locatedBytesMin:
      version !== undefined && call.isFromThisHost
        ? locatedBytesMin(metadata.get(FILE_LOCATIONS_HEADER))
        : undefined,
    replicas: version === undefined ? undefined : unknownReplicas(metadata.get(REPLICAS_HEADER), replicas),
    atLeastVersion: atLeastVersion(metadata.get(AT_LEAST_HEADER), version),
  };
}

/** The list that a caller needs; undefined if it does not ask, or has it. */
export function unknownReplicas(
  tag: string | undefined,
  replicas: ReplicaList | undefined,
): ReplicaList | undefined {
  return tag === undefined || tag === replicas?.tag ? undefined : replicas;
}

function locatedBytesMin(text: string | undefined): number | undefined {
  if (text === undefined || !BYTES.test(text) || Number(text) === 0) return undefined;
  return Math.max(Number(text), LIMITS.locatedBytesMin);
}

/** What the schema of an answer to a ticket with a version says about the server. */
export function serverMetadata({ instance, replicas }: GetTerms): SchemaMetadata {
  return [
    ...(instance?.metadata ?? []),
    ...(replicas === undefined ? [] : [[SCHEMA_KEY_REPLICAS, replicas.text] as const]),
  ];
}

/** The schema of an opaque answer to a ticket with a version. */
export function opaqueSchema(terms: GetTerms): Buffer {
  if (terms.replicas !== undefined) return versionedSchema(serverMetadata(terms));
  return terms.instance?.versionedSchema ?? VERSIONED_SCHEMA_HEADER;
}

function rowBytesMax(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!BYTES.test(text)) {
    throw new CacheError("INVALID_REQUEST", `${ROW_BYTES_HEADER} must be a number of bytes such as 16777216`);
  }
  return Math.min(Math.max(Number(text), LIMITS.requestedRowBytesMin), LIMITS.opaqueWireRowBytesMax);
}
