/**
 * The log over HTTP: a stream of events from the level that the client asks for.
 */
import { PassThrough } from "node:stream";
import { resetSync } from "@logtape/logtape";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { LIMITS } from "../../../../src/limits.ts";
import { logFor, startLog } from "../../../../src/log.ts";
import { type RunningCache, startServer } from "../../../../src/service/start-server.ts";
import { serverConfig } from "../../../support/in-process-server.ts";
import { readEvents } from "../../../support/read-events.ts";

const log = logFor("test");
let server: RunningCache;

beforeAll(async () => {
  const stream = new PassThrough();
  stream.resume();
  startLog({ directives: [{ target: undefined, level: "info" }], format: "json", stream });
  const admin = { scheme: "http", host: "127.0.0.1", port: 0 } as const;
  server = await startServer(serverConfig(undefined, { admin }));
});
afterAll(async () => {
  await server.stop();
  resetSync();
});

const follow = (level: string, signal?: AbortSignal) =>
  fetch(`${server.admin}/v1/admin/log?level=${level}`, signal ? { signal } : {});

describe("the log over HTTP", () => {
  it("has the lines of its level and above", async () => {
    const ended = new AbortController();
    const events = readEvents(await follow("warn", ended.signal));
    log.info("not this one");
    log.warn("this one", { key: "app/s/x" });
    log.error("and this one");
    const [first, second] = [(await events.next()).value, (await events.next()).value];
    expect(first?.name).toBe("line");
    expect(JSON.parse(first?.data ?? "")).toMatchObject({ level: "warn", text: "this one", key: "app/s/x" });
    expect(JSON.parse(second?.data ?? "")).toMatchObject({ level: "error", text: "and this one" });
    ended.abort();
  });

  it("answers HEAD and ends", async () => {
    expect((await fetch(`${server.admin}/v1/admin/log`, { method: "HEAD" })).status).toBe(200);
  });

  it("refuses a level that is none, and more watchers than the limit until one leaves", async () => {
    expect((await follow("loud")).status).toBe(400);
    const ended = new AbortController();
    const answers = await Promise.all(
      Array.from({ length: LIMITS.logWatchersMax + 1 }, () => follow("error", ended.signal)),
    );
    expect(answers.map(({ status }) => status).filter((status) => status === 503)).toHaveLength(1);
    ended.abort();
    const again = new AbortController();
    await expect.poll(async () => (await follow("error", again.signal)).status).toBe(200);
    again.abort();
  });
});
