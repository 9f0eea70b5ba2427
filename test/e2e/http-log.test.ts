/**
 * What the log says of a request over HTTP, and what it must not say.
 */
import { resetSync } from "@logtape/logtape";
import { afterEach, expect, it } from "vitest";
import { startLog } from "../../src/log.ts";
import { httpCache, RawConnection } from "../support/http-cache.ts";

afterEach(() => resetSync());

it("has no secrets of the target or the headers at trace, also if the target is an absolute URL", async () => {
  const lines: string[] = [];
  const directives = [{ target: undefined, level: "trace" }] as const;
  startLog({ directives, format: "json", stream: { write: (line) => lines.push(line) } });
  const cache = await httpCache({ storage: "memory" });
  const connection = new RawConnection(cache.port);
  const target = "http://user:secret-1@cache/v1/objects/a/s/o?token=secret-2";
  connection.send(
    `GET ${target} HTTP/1.1`,
    "host: cache",
    "authorization: Bearer secret-3",
    "connection: close",
  );
  await connection.closed();
  expect(lines.join("")).toContain('"path":"/v1/objects/a/s/o"');
  expect(lines.join("")).not.toContain("secret");
});
