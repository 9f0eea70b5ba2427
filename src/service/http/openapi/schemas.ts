/**
 * The parts of the OpenAPI document that paths refer to: schemas, parameters, headers and the forms
 * of bodies and answers.
 *
 * Source: OpenAPI 3.1, JSON Schema 2020-12. The tests validate real answers against them.
 */
import { ERROR_TABLE } from "../../../errors.ts";
import { LIMITS } from "../../../limits.ts";
import { ARROW_FILE, ARROW_STREAM, JSON_TYPE, OCTETS } from "../media-types.ts";

const KEY = {
  type: "string",
  description: "application_id/session_id/object_id",
  examples: ["app/session/x"],
};
const VERSION = { type: "integer", minimum: 1 };
const COUNT = { type: "integer", minimum: 0 };
const BYTES = { description: "bytes, passed on as they are" };

export const SCHEMAS = {
  Stored: {
    type: "object",
    required: ["key", "version", "endpoint"],
    additionalProperties: false,
    properties: {
      key: KEY,
      version: VERSION,
      endpoint: {
        type: "string",
        description: "the Flight endpoint, grpc://HOST:PORT or grpc+tls://HOST:PORT",
      },
    },
  },
  Deleted: {
    type: "object",
    required: ["deleted"],
    additionalProperties: false,
    properties: { deleted: COUNT },
  },
  ListedObject: {
    type: "object",
    required: [
      "key",
      "version",
      "kind",
      "rows",
      "data_bytes",
      "stored_bytes",
      "patches",
      "expires_at",
      "pinned",
    ],
    additionalProperties: false,
    properties: {
      key: KEY,
      version: VERSION,
      kind: { enum: ["opaque", "table"] },
      rows: COUNT,
      data_bytes: { ...COUNT, description: "bytes of the value, or of all bodies of the table" },
      stored_bytes: { ...COUNT, description: "bytes of its files, patches included" },
      patches: COUNT,
      expires_at: { type: ["string", "null"], format: "date-time" },
      pinned: { type: "boolean", description: "protected from eviction" },
    },
  },
  ListedPage: {
    type: "object",
    required: ["objects", "next"],
    additionalProperties: false,
    properties: {
      objects: { type: "array", items: { $ref: "#/components/schemas/ListedObject" } },
      next: { type: ["string", "null"], description: "the value of `after` for the next page" },
    },
  },
  Problem: {
    type: "object",
    description: "RFC 9457",
    required: ["title", "status", "detail"],
    additionalProperties: false,
    properties: {
      title: { type: "string" },
      status: { type: "integer", minimum: 400, maximum: 599 },
      detail: { type: "string" },
      code: { enum: Object.keys(ERROR_TABLE), description: "absent for an internal error" },
    },
  },
} as const;

const COMPONENT = { type: "string", minLength: 1, maxLength: LIMITS.keyComponentBytesMax };

function header(name: string, description: string, schema: object = { type: "string" }) {
  return { name, in: "header", required: false, description, schema };
}

function query(name: string, description: string, schema: object) {
  return { name, in: "query", required: false, description, schema };
}

export const PARAMETERS = {
  app: { name: "app", in: "path", required: true, description: "application id", schema: COMPONENT },
  session: { name: "session", in: "path", required: true, description: "session id", schema: COMPONENT },
  object: { name: "object", in: "path", required: true, description: "object id", schema: COMPONENT },
  format: query("format", "overrides Accept", { enum: ["stream", "file", "value"] }),
  rows: query("rows", "of a table: whole batches until at least this many rows", COUNT),
  ttl: query("ttl", "time to live, seconds; 0: unlimited", { type: "number", minimum: 0 }),
  prefix: query("prefix", "the text with which the keys begin", { type: "string" }),
  after: query("after", "the key after which the page begins", KEY),
  limit: query("limit", "objects of the page", {
    type: "integer",
    minimum: 1,
    maximum: LIMITS.httpListObjectsMax,
    default: LIMITS.httpListObjectsDefault,
  }),
  ifMatch: header("If-Match", 'entity tags, or *: the object must have one of these versions ("7")'),
  ifNoneMatch: header(
    "If-None-Match",
    "entity tags, or *: a get answers 304 if one matches; a write requires that none matches",
  ),
  range: header("Range", "one range of bytes"),
  ifRange: header("If-Range", "the entity tag to which the range belongs"),
  durability: header("flame-durability", "what the answer guarantees", { enum: ["restart", "power-loss"] }),
  atLeastVersion: header(
    "flame-at-least-version",
    "any object of this version or a later one will do; with storage s3 it may cost no request",
    COUNT,
  ),
  ttlSeconds: header("flame-ttl-seconds", "as the parameter ttl"),
} as const;

export const HEADERS = {
  ETag: { description: "the version, quoted", schema: { type: "string" } },
  Location: { description: "path of the new object", schema: { type: "string" } },
  ContentRange: { description: "the sent range and the size of all", schema: { type: "string" } },
  AcceptRanges: { description: "whether a range can be requested", schema: { enum: ["bytes", "none"] } },
  LastModified: { description: "when it was put or patched last", schema: { type: "string" } },
  Expires: { description: "the end of its time to live", schema: { type: "string" } },
  CacheControl: { schema: { type: "string" } },
  Vary: { schema: { type: "string" } },
  Kind: { description: "the kind of the object", schema: { enum: ["opaque", "table"] } },
  Version: { description: "the version of the object", schema: VERSION },
  Patches: { description: "patches of the object", schema: COUNT },
  Rows: { description: "rows of the table", schema: COUNT },
  RetryAfter: { description: "seconds", schema: COUNT },
  WwwAuthenticate: { schema: { type: "string" } },
} as const;

/** The forms of an object in an answer. */
export const OBJECT_CONTENT = {
  [ARROW_STREAM]: { schema: BYTES },
  [ARROW_FILE]: { schema: BYTES },
  [OCTETS]: { schema: BYTES },
  [JSON_TYPE]: { schema: { description: "a JSON value of our clients, as it was put" } },
} as const;

/** The bodies that can be put. */
export const PUT_CONTENT = {
  ...OBJECT_CONTENT,
  "text/*": { schema: { type: "string", description: "UTF-8; stored as a JSON string" } },
} as const;
