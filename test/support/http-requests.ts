/**
 * Requests to the HTTP API of a test, by `fetch`, and what tests look for in its answers.
 *
 * The path of most of them is that of one object.
 */
import { expect } from "vitest";
import { type HttpCache, httpCache } from "./http-cache.ts";
import { type numbersTable, STREAM_TYPE, streamOf } from "./http-tables.ts";

export const OBJECT = "/v1/objects/a/s/o";

export interface Sent {
  readonly type?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export async function send(
  cache: HttpCache,
  method: string,
  path: string,
  body?: string | Uint8Array,
  more: Sent = {},
) {
  const headers = { ...(more.type !== undefined && { "content-type": more.type }), ...more.headers };
  return await fetch(cache.url + path, {
    method,
    headers,
    ...(body !== undefined && { body: body as never }),
  });
}

export async function put(
  cache: HttpCache,
  path: string,
  body: string | Uint8Array,
  type = "application/octet-stream",
) {
  return await send(cache, "PUT", path, body, { type });
}

export async function statusOf(cache: HttpCache, path = OBJECT): Promise<number> {
  const answer = await fetch(cache.url + path);
  await answer.arrayBuffer();
  return answer.status;
}

export async function problemOf(answer: Response): Promise<[number, string]> {
  expect(answer.headers.get("content-type")).toBe("application/problem+json");
  const { status, code } = (await answer.json()) as { status: number; code: string };
  expect(status).toBe(answer.status);
  return [answer.status, code];
}

/** An Arrow stream, or the file that a cache makes of it. */
export async function formOf(
  format: string,
  ...tables: readonly ReturnType<typeof numbersTable>[]
): Promise<Buffer> {
  const cache = await httpCache();
  await put(cache, OBJECT, streamOf(...tables), STREAM_TYPE);
  return Buffer.from(await (await fetch(`${cache.url}${OBJECT}?format=${format}`)).arrayBuffer());
}
