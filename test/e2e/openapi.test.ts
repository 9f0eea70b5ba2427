/**
 * The OpenAPI document: valid OpenAPI 3.1, one operation for each route, and schemas that real answers match.
 */
import { Validator } from "@seriousme/openapi-schema-validator";
import { Ajv2020 } from "ajv/dist/2020.js";
import { beforeAll, describe, expect, it } from "vitest";
import { OPENAPI_DOCUMENT } from "../../src/service/http/openapi/openapi-route.ts";
import { API_ROUTES } from "../../src/service/http-listeners.ts";
import { type HttpCache, httpCache } from "../support/http-cache.ts";
import { numbersTable, STREAM_TYPE, streamOf } from "../support/http-tables.ts";

interface Described {
  readonly headers?: Record<string, { readonly $ref: string }>;
  readonly content?: Record<string, { readonly schema: object }>;
}

type Operation = { readonly responses: Record<string, Described | { readonly $ref: string }> };

const ajv = new Ajv2020({ strict: false, validateFormats: false });
const components = OPENAPI_DOCUMENT.components as unknown as Record<string, Record<string, Described>>;

beforeAll(() => {
  ajv.addSchema({ ...OPENAPI_DOCUMENT, $id: "openapi" });
});

function operationOf(path: string, method: string): Operation {
  const paths = OPENAPI_DOCUMENT.paths as unknown as Record<string, Record<string, Operation>>;
  return paths[path]![method]!;
}

function described(path: string, method: string, status: number): Described {
  const found = operationOf(path, method).responses[status];
  expect(found, `${method} ${path} ${status} is described`).toBeDefined();
  return "$ref" in found! ? components.responses![found.$ref.split("/").at(-1)!]! : (found as Described);
}

/** The schema of a JSON body, by references into the document. */
function schemaOf({ schema }: { readonly schema: object }): object {
  return JSON.parse(JSON.stringify(schema).replaceAll('"#/', '"openapi#/')) as object;
}

async function check(answer: Response, path: string, method: string): Promise<void> {
  const { content = {}, headers = {} } = described(path, method, answer.status);
  for (const name of answer.headers.keys()) {
    const isOurs = name.startsWith("x-flame-") || name === "etag" || name === "location";
    const names = Object.keys(headers).map((each) => each.toLowerCase());
    expect(
      isOurs && !names.includes(name) ? `${method} ${answer.status}: ${name} is not described` : "",
    ).toBe("");
  }
  const body = Buffer.from(await answer.arrayBuffer());
  const type = answer.headers.get("content-type")?.split(";", 1)[0];
  expect(Object.keys(content).length > 0 || body.length === 0).toBe(true);
  const media = type === undefined ? undefined : content[type];
  expect(body.length === 0 || media !== undefined, `${method} ${path} ${answer.status} ${type}`).toBe(true);
  const isJson = type?.endsWith("json") === true && body.length > 0;
  const value: unknown = isJson ? JSON.parse(body.toString()) : undefined;
  const validate = ajv.compile(isJson ? schemaOf(media!) : {});
  expect(validate(value) ? [] : validate.errors).toEqual([]);
}

describe("the OpenAPI document", () => {
  it("is valid by the schema of OpenAPI 3.1", async () => {
    const result = await new Validator().validate(JSON.parse(JSON.stringify(OPENAPI_DOCUMENT)));
    expect(result).toEqual(expect.objectContaining({ valid: true }));
  });

  it("has an operation for each route of the API, and no other", () => {
    const routes = API_ROUTES.flatMap(({ method, path }) => `${method.toLowerCase()} ${path}`);
    const operations = Object.entries(OPENAPI_DOCUMENT.paths).flatMap(([path, methods]) =>
      Object.keys(methods)
        .filter((method) => method !== "parameters" && method !== "head")
        .map((method) => `${method} ${path.replaceAll(/\{(\w+)\}/g, ":$1")}`),
    );
    expect(operations.sort()).toEqual(routes.sort());
  });

  it("is served as it is", async () => {
    const cache = await httpCache();
    const answer = await fetch(`${cache.url}/openapi.json`);
    expect(answer.headers.get("content-type")).toBe("application/json");
    expect(await answer.json()).toEqual(JSON.parse(JSON.stringify(OPENAPI_DOCUMENT)));
  });
});

const OBJECT = "/v1/objects/{app}/{session}/{object}";
const SESSION = "/v1/objects/{app}/{session}";
const LIST = "/v1/objects";

/** Path of the document, method, actual path, request. */
const CALLS: readonly (readonly [string, string, string, RequestInit & { readonly status: number }])[] = [
  [OBJECT, "put", "/v1/objects/a/s/new", { body: "x", status: 201 }],
  [OBJECT, "put", "/v1/objects/a/s/v", { body: "x", status: 200 }],
  [OBJECT, "put", "/v1/objects/a/s/v", { body: "x", headers: { "content-type": STREAM_TYPE }, status: 422 }],
  [OBJECT, "put", "/v1/objects/a/s/v", { body: "x", headers: { "content-type": "image/png" }, status: 415 }],
  [OBJECT, "put", "/v1/objects/a/s/v", { body: "x", headers: { "if-none-match": "*" }, status: 412 }],
  [OBJECT, "put", "/v1/objects/a/s/v?ttl=x", { body: "x", status: 400 }],
  [OBJECT, "patch", "/v1/objects/a/s/v", { body: "x", status: 200 }],
  [OBJECT, "patch", "/v1/objects/a/s/none", { body: "x", status: 404 }],
  [OBJECT, "get", "/v1/objects/a/s/t", { status: 200 }],
  [OBJECT, "get", "/v1/objects/a/s/t?format=file", { status: 200 }],
  [OBJECT, "get", "/v1/objects/a/s/v", { status: 200 }],
  [OBJECT, "get", "/v1/objects/a/s/t", { headers: { range: "bytes=0-9" }, status: 206 }],
  [OBJECT, "get", "/v1/objects/a/s/t", { headers: { range: "bytes=99999999-" }, status: 416 }],
  [OBJECT, "get", "/v1/objects/a/s/t", { headers: { "if-none-match": "*" }, status: 304 }],
  [OBJECT, "get", "/v1/objects/a/s/t", { headers: { "if-match": '"9"' }, status: 412 }],
  [OBJECT, "get", "/v1/objects/a/s/t", { headers: { accept: "application/json" }, status: 406 }],
  [OBJECT, "get", "/v1/objects/a/s/none", { status: 404 }],
  [OBJECT, "head", "/v1/objects/a/s/t", { status: 200 }],
  [OBJECT, "head", "/v1/objects/a/s/none", { status: 404 }],
  [OBJECT, "delete", "/v1/objects/a/s/v", { status: 204 }],
  [OBJECT, "delete", "/v1/objects/a/s/none", { status: 404 }],
  [OBJECT, "delete", "/v1/objects/a/s/v", { headers: { "if-match": '"9"' }, status: 412 }],
  [SESSION, "put", "/v1/objects/a/s", { body: "x", status: 201 }],
  [SESSION, "post", "/v1/objects/a/s", { body: "x", status: 201 }],
  [SESSION, "post", "/v1/objects/a/.s", { body: "x", status: 400 }],
  [SESSION, "delete", "/v1/objects/a/s", { status: 200 }],
  [LIST, "get", "/v1/objects", { status: 200 }],
  [LIST, "get", "/v1/objects?limit=1", { status: 200 }],
  [LIST, "get", "/v1/objects?limit=0", { status: 400 }],
  ["/healthz", "get", "/healthz", { status: 200 }],
  ["/readyz", "get", "/readyz", { status: 200 }],
  ["/openapi.json", "get", "/openapi.json", { status: 200 }],
];

describe("a real answer", () => {
  async function filled(): Promise<HttpCache> {
    const cache = await httpCache();
    const headers = { "content-type": STREAM_TYPE };
    await fetch(`${cache.url}/v1/objects/a/s/t`, {
      method: "PUT",
      headers,
      body: streamOf(numbersTable(9)) as never,
    });
    await fetch(`${cache.url}/v1/objects/a/s/v`, { method: "PUT", body: "{}" });
    return cache;
  }

  it.each(CALLS)("matches the document: %s %s, %s", async (path, method, actual, { status, ...init }) => {
    const cache = await filled();
    const answer = await fetch(cache.url + actual, { ...init, method: method.toUpperCase() });
    expect(answer.status).toBe(status);
    await check(answer, path, method);
  });
});
