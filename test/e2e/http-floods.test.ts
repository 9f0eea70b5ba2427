/**
 * Clients of the HTTP API that pipeline without end, or whose bodies come in very many small chunks.
 */
import { expect, it } from "vitest";
import { LIMITS } from "../../src/limits.ts";
import { httpCache, RawConnection } from "../support/http-cache.ts";
import { OBJECT } from "../support/http-requests.ts";
import { settled } from "../support/settled.ts";

const get = (path: string): string => `GET ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n`;

it("answers pipelined requests one after the other, in their order", async () => {
  const cache = await httpCache({ storage: "memory" });
  await fetch(cache.url + OBJECT, { method: "PUT", body: "value" });
  const connection = new RawConnection(cache.port);
  connection.socket.write(get("/v1/nothing") + get(OBJECT) + get("/healthz") + get("/v1/last"));
  const text = await connection.received(/(?:HTTP\/1\.1 \d+.*){4}\}$/s);
  expect(text.match(/HTTP\/1\.1 \d+/g)).toEqual(
    ["404", "200", "200", "404"].map((each) => `HTTP/1.1 ${each}`),
  );
});

it("ends a connection that sends too many requests before it has an answer", async () => {
  const cache = await httpCache({ storage: "memory" });
  const connection = new RawConnection(cache.port);
  connection.socket.write(get(OBJECT).repeat(LIMITS.httpPipelinedMax + 2));
  await connection.closed();
  expect((await fetch(`${cache.url}/healthz`)).status).toBe(200);
});

it("runs no request of a connection that was closed while an earlier one ran", async () => {
  const cache = await httpCache();
  await fetch(cache.url + OBJECT, { method: "PUT", body: new Uint8Array(32 * 1024 ** 2) });
  const connection = new RawConnection(cache.port);
  connection.socket.pause();
  connection.socket.write(get(OBJECT).repeat(4));
  expect(await settled(() => cache.context.transfers.running)).toBe(1);
  connection.socket.destroy();
  expect(await settled(() => cache.context.transfers.running)).toBe(0);
  expect(cache.context.transfers.waiting).toBe(0);
});

it("stores a body of very many small chunks as it was sent", async () => {
  const cache = await httpCache({ storage: "memory" });
  const connection = new RawConnection(cache.port);
  connection.send(`PUT ${OBJECT} HTTP/1.1`, "host: 127.0.0.1", "transfer-encoding: chunked");
  const value = Array.from({ length: 5_000 }, (_, index) => String.fromCharCode(97 + (index % 26))).join("");
  connection.socket.write(`${[...value].map((each) => `1;x=y\r\n${each}\r\n`).join("")}0\r\n\r\n`);
  expect(await connection.received(/"endpoint"/)).toContain("HTTP/1.1 201");
  expect(await (await fetch(cache.url + OBJECT)).text()).toBe(value);
});

it("reads the next request after a body that no handler read", async () => {
  const cache = await httpCache({ storage: "memory" });
  const connection = new RawConnection(cache.port);
  const body = "x".repeat(200_000);
  connection.socket.write(
    `GET /healthz HTTP/1.1\r\nhost: a\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
  );
  await connection.received(/HTTP\/1\.1 200/);
  connection.socket.write(get("/v1/last"));
  expect(await connection.received(/HTTP\/1\.1 404/)).toContain("OBJECT_NOT_FOUND");
});
