/**
 * `GET /openapi.json`: the description of the HTTP API for programs (OpenAPI 3.1).
 *
 * Encoded once. It is public: it contains nothing about the objects or the configuration.
 */
import type { HttpRoute } from "../http-call.ts";
import { JSON_TYPE } from "../media-types.ts";
import { PATHS } from "./paths.ts";
import { HEADERS, PARAMETERS, SCHEMAS } from "./schemas.ts";

const PROBLEM = {
  description: "the request failed",
  content: { "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } } },
};

export const OPENAPI_DOCUMENT = {
  openapi: "3.1.0",
  info: {
    title: "Flame Object Cache",
    version: "1",
    description: "Objects of the cache over HTTP. The same objects are available over Arrow Flight.",
    license: { name: "Apache-2.0", identifier: "Apache-2.0" },
  },
  servers: [{ url: "/" }],
  // Without access rules, every caller may do everything.
  security: [{ bearer: [] }, {}],
  paths: PATHS,
  components: {
    schemas: SCHEMAS,
    parameters: PARAMETERS,
    headers: HEADERS,
    responses: {
      Problem: PROBLEM,
      Unauthenticated: {
        ...PROBLEM,
        description: "missing or invalid credentials",
        headers: { "WWW-Authenticate": { $ref: "#/components/headers/WwwAuthenticate" } },
      },
      Overloaded: {
        ...PROBLEM,
        description: "too many requests, or the server is stopping",
        headers: { "Retry-After": { $ref: "#/components/headers/RetryAfter" } },
      },
    },
    securitySchemes: { bearer: { type: "http", scheme: "bearer" } },
  },
} as const;

const BODY = Buffer.from(JSON.stringify(OPENAPI_DOCUMENT));

export const OPENAPI_ROUTES: readonly HttpRoute[] = [
  {
    method: "GET",
    path: "/openapi.json",
    access: "public",
    handle({ response }) {
      response.writeHead(200, { "content-type": JSON_TYPE, "content-length": BODY.length });
      response.end(BODY);
    },
  },
];
