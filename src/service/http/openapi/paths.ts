/**
 * The operations of the OpenAPI document: one for each route of the HTTP API and each method.
 *
 * A test compares them with the routes.
 */
import { JSON_TYPE } from "../media-types.ts";
import { type HEADERS, OBJECT_CONTENT, type PARAMETERS, PUT_CONTENT, type SCHEMAS } from "./schemas.ts";

function parameters(...names: readonly (keyof typeof PARAMETERS)[]) {
  return names.map((name) => ({ $ref: `#/components/parameters/${name}` }));
}

const HEADER_NAMES: Readonly<Record<keyof typeof HEADERS, string>> = {
  ETag: "ETag",
  Location: "Location",
  ContentRange: "Content-Range",
  AcceptRanges: "Accept-Ranges",
  LastModified: "Last-Modified",
  Expires: "Expires",
  CacheControl: "Cache-Control",
  Vary: "Vary",
  Kind: "x-flame-kind",
  Version: "x-flame-version",
  Patches: "x-flame-patches",
  Rows: "x-flame-rows",
  RetryAfter: "Retry-After",
  WwwAuthenticate: "WWW-Authenticate",
};

function headers(...names: readonly (keyof typeof HEADERS)[]) {
  const entries = names.map((name) => [HEADER_NAMES[name], { $ref: `#/components/headers/${name}` }]);
  return { headers: Object.fromEntries(entries) as object };
}

function json(schema: keyof typeof SCHEMAS) {
  return { content: { [JSON_TYPE]: { schema: { $ref: `#/components/schemas/${schema}` } } } };
}

/** Answers that any operation on objects may give. */
const PROBLEMS = {
  400: { $ref: "#/components/responses/Problem" },
  401: { $ref: "#/components/responses/Unauthenticated" },
  403: { $ref: "#/components/responses/Problem" },
  500: { $ref: "#/components/responses/Problem" },
  503: { $ref: "#/components/responses/Overloaded" },
};

function problems(...statuses: readonly number[]) {
  return Object.fromEntries(statuses.map((status) => [status, { $ref: "#/components/responses/Problem" }]));
}

const OBJECT_HEADERS = [
  "ETag",
  "CacheControl",
  "Vary",
  "Expires",
  "Kind",
  "Version",
  "Patches",
  "Rows",
] as const;
const SENT_HEADERS = [...OBJECT_HEADERS, "AcceptRanges", "LastModified"] as const;

const GET_ANSWERS = {
  200: { description: "the object", ...headers(...SENT_HEADERS), content: OBJECT_CONTENT },
  206: {
    description: "the range",
    ...headers(...SENT_HEADERS, "ContentRange"),
    content: OBJECT_CONTENT,
  },
  304: { description: "the client has this version", ...headers(...OBJECT_HEADERS) },
  ...PROBLEMS,
  ...problems(404, 406, 412, 416),
};

const STORED = { ...headers("ETag"), ...json("Stored") };
const CREATED = { description: "created", ...headers("ETag", "Location"), ...json("Stored") };
const PUT_PROBLEMS = problems(404, 412, 413, 415, 422, 501, 504, 507);
const BODY = { requestBody: { required: true, content: PUT_CONTENT } };
const WRITE_PARAMETERS = parameters("ttl", "ttlSeconds", "durability", "ifMatch", "ifNoneMatch");
const CONDITIONS = ["ifMatch", "ifNoneMatch", "range", "ifRange", "atLeastVersion"] as const;
const GET_PARAMETERS = parameters("format", "rows", ...CONDITIONS);

export const PATHS = {
  "/v1/objects": {
    get: {
      operationId: "listObjects",
      summary: "List objects in the order of their keys",
      parameters: parameters("prefix", "after", "limit"),
      responses: { 200: { description: "one page", ...json("ListedPage") }, ...PROBLEMS },
    },
  },
  "/v1/objects/{app}/{session}": {
    parameters: parameters("app", "session"),
    put: {
      operationId: "createObject",
      summary: "Create an object; the server makes its id",
      parameters: WRITE_PARAMETERS,
      ...BODY,
      responses: { 201: CREATED, ...PROBLEMS, ...PUT_PROBLEMS },
    },
    post: {
      operationId: "postObject",
      summary: "Create an object; the server makes its id",
      parameters: WRITE_PARAMETERS,
      ...BODY,
      responses: { 201: CREATED, ...PROBLEMS, ...PUT_PROBLEMS },
    },
    delete: {
      operationId: "deleteSession",
      summary: "Delete all objects of a session",
      parameters: parameters("durability"),
      responses: {
        200: { description: "how many were deleted", ...json("Deleted") },
        ...PROBLEMS,
        ...problems(501),
      },
    },
  },
  "/v1/objects/{app}/{session}/{object}": {
    parameters: parameters("app", "session", "object"),
    get: {
      operationId: "getObject",
      summary: "Get an object",
      parameters: GET_PARAMETERS,
      responses: GET_ANSWERS,
    },
    head: {
      operationId: "headObject",
      summary: "Get the headers of an object",
      parameters: GET_PARAMETERS,
      responses: {
        200: { description: "as GET, without a body", ...headers(...SENT_HEADERS) },
        304: GET_ANSWERS[304],
        ...PROBLEMS,
        ...problems(404, 406, 412),
      },
    },
    put: {
      operationId: "putObject",
      summary: "Create or replace an object",
      parameters: WRITE_PARAMETERS,
      ...BODY,
      responses: {
        200: { description: "replaced", ...STORED },
        201: CREATED,
        ...PROBLEMS,
        ...PUT_PROBLEMS,
      },
    },
    patch: {
      operationId: "patchObject",
      summary: "Append to an object",
      parameters: WRITE_PARAMETERS,
      ...BODY,
      responses: { 200: { description: "appended", ...STORED }, ...PROBLEMS, ...PUT_PROBLEMS },
    },
    delete: {
      operationId: "deleteObject",
      summary: "Delete an object",
      parameters: parameters("durability", "ifMatch", "ifNoneMatch"),
      responses: { 204: { description: "deleted" }, ...PROBLEMS, ...problems(404, 412, 501) },
    },
  },
  "/healthz": probe("health", "Whether the process answers"),
  "/readyz": probe("readiness", "Whether the server accepts calls"),
  "/openapi.json": {
    get: {
      operationId: "openapi",
      summary: "This document",
      security: [],
      responses: {
        200: { description: "OpenAPI 3.1", content: { [JSON_TYPE]: { schema: { type: "object" } } } },
      },
    },
  },
} as const;

function probe(operationId: string, summary: string) {
  const text = { content: { "text/plain": { schema: { type: "string" } } } };
  const stopping = operationId === "readiness" ? { 503: { description: "stopping", ...text } } : {};
  return {
    get: {
      operationId,
      summary,
      security: [],
      responses: { 200: { description: "yes", ...text }, ...stopping },
    },
  };
}
