/**
 * What an AbortSignal does to operations of the client: before them, during them, and after they are done.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { AbortError, FlameCache, FlightClient, isCacheError } from "../../src/client/index.ts";
import { type InProcessServer, startInProcess } from "../support/in-process-server.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../support/temporary-directory.ts";

const KEY = "app/session/object";
const MIB = 1024 * 1024;

let directory: TemporaryDirectory;
let server: InProcessServer;
let cache: FlameCache;
let flight: FlightClient;

beforeAll(async () => {
  directory = temporaryDirectory("abort");
  server = await startInProcess(directory.path);
  const env = { FLAME_HOME: directory.path, HOME: directory.path };
  cache = await FlameCache.connect({ endpoint: server.endpoint, env });
  flight = new FlightClient({ endpoint: server.endpoint });
  await cache.put(KEY, Buffer.alloc(8 * MIB));
});

afterAll(async () => {
  await cache.close();
  await flight.close();
  await server.stop();
  directory.remove();
});

type Operation = (signal: AbortSignal) => Promise<unknown>;

async function drain(items: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of items);
}

const OPERATIONS: readonly (readonly [string, Operation])[] = [
  ["put", (signal) => cache.put("app/session/other", 1, { signal })],
  ["update", (signal) => cache.update("app/session/other", 1, { signal })],
  ["patch", (signal) => cache.patch(KEY, 1, { signal })],
  ["get", (signal) => cache.get(KEY, { signal })],
  ["getBytes", (signal) => cache.getBytes(KEY, { signal })],
  ["getStream", (signal) => drain(cache.getStream(KEY, { signal }))],
  ["putStream", (signal) => cache.putStream("app/session", [Buffer.from("x")], { signal })],
  ["list", (signal) => drain(cache.list("", { signal }))],
  ["stat", (signal) => cache.stat(KEY, { signal })],
  ["delete", (signal) => cache.delete("app/session/none", { signal })],
  ["pin", (signal) => cache.pin(KEY, { signal })],
  ["FlightClient.getFlightInfo", (signal) => flight.getFlightInfo({ kind: "path", path: [KEY] }, { signal })],
  ["FlightClient.doGet", (signal) => drain(flight.doGet(KEY, { signal }))],
];

/** What an operation that was aborted has to reject with. */
function aborted(reason: unknown): unknown {
  return expect.objectContaining({ name: "AbortError", code: "CANCELLED", cause: reason });
}

describe("an aborted signal", () => {
  it.each(OPERATIONS)("ends %s before it begins", async (_, operation) => {
    const reason = new Error("enough");
    const error = await operation(AbortSignal.abort(reason)).catch((thrown: unknown) => thrown);
    expect(error).toEqual(aborted(reason));
    expect(error).toBeInstanceOf(AbortError);
    expect(isCacheError(error, "CANCELLED")).toBe(true);
  });

  it.each(OPERATIONS)("ends %s while it runs", async (_, operation) => {
    const controller = new AbortController();
    const ended = operation(controller.signal).catch((thrown: unknown) => thrown);
    controller.abort("enough");
    expect(await ended).toEqual(aborted("enough"));
  });

  it("has the reason of AbortController.abort and of AbortSignal.timeout as its cause", async () => {
    const timeout = AbortSignal.timeout(0);
    await new Promise<void>((resolve) => timeout.addEventListener("abort", () => resolve()));
    const cause = expect.objectContaining({ name: "TimeoutError" });
    await expect(cache.get(KEY, { signal: timeout })).rejects.toEqual(aborted(cause));
    const own = expect.objectContaining({ name: "AbortError" });
    await expect(cache.get(KEY, { signal: AbortSignal.abort() })).rejects.toEqual(aborted(own));
  });

  it("ends a stream between two of its items", async () => {
    const controller = new AbortController();
    const items = cache.getStream(KEY, { signal: controller.signal })[Symbol.asyncIterator]();
    expect((await items.next()).done).toBe(false);
    controller.abort("enough");
    await expect(items.next()).rejects.toEqual(aborted("enough"));
    expect((await items.next()).done).toBe(true);
  });

  it("changes nothing of an operation that is done", async () => {
    const controller = new AbortController();
    const value = await cache.get("app/session/other", { signal: controller.signal }).catch(() => undefined);
    const ref = await cache.put("app/session/other", { answer: 42 }, { signal: controller.signal });
    controller.abort();
    expect(value).toBeUndefined();
    expect(await cache.get(ref)).toEqual({ answer: 42 });
  });
});
