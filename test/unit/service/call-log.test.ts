/**
 * What the log answers to "what happened to this key?": one line for each call at debug, its steps at trace.
 */
import { resetSync } from "@logtape/logtape";
import { afterEach, describe, expect, it, onTestFinished } from "vitest";
import { FlightClient } from "../../../src/client/flight/flight-client.ts";
import { type LogLevel, startLog } from "../../../src/log.ts";
import { pathDescriptor, valuePut } from "../../support/flight-messages.ts";
import { startInProcess } from "../../support/in-process-server.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";

const KEY = "app/session/object";
const PEER = expect.stringMatching(/^ipv4:127\.0\.0\.1:\d+$/);
const NUMBER = expect.any(Number);

type Line = Record<string, unknown>;

afterEach(() => resetSync());

/** A server on disk whose log is kept, and a client of it. */
async function watchedServer(level: LogLevel) {
  const text: string[] = [];
  const directives = [{ target: undefined, level }];
  startLog({ directives, format: "json", stream: { write: (line) => text.push(line) } });
  const directory = temporaryDirectory("call-log");
  const server = await startInProcess(directory.path, { threads: 1 });
  const flight = new FlightClient({ endpoint: server.endpoint });
  onTestFinished(async () => {
    await flight.close();
    await server.stop();
    directory.remove();
  });
  const lines = (): Line[] => text.map((line) => JSON.parse(line) as Line);
  return {
    flight,
    client: server.client,
    lines,
    calls: (): Line[] => lines().filter((line) => String(line.text).startsWith("call")),
  };
}

async function act(flight: FlightClient, type: string, body: string): Promise<void> {
  for await (const _ of flight.doAction(type, body));
}

describe("the log at debug", () => {
  it("has a line for each call that works on a key, with peer, bytes, time and code", async () => {
    const { client, flight, calls } = await watchedServer("debug");
    await client.put(valuePut(pathDescriptor(KEY), "value"));
    await client.get(KEY);
    await flight.getFlightInfo({ kind: "path", path: [KEY] });
    await act(flight, "PIN", KEY);
    await act(flight, "DELETE", KEY);
    const known = { peer: PEER, bytes: NUMBER, durationMs: NUMBER, code: "OK", key: KEY };
    expect(calls()).toMatchObject([
      { ...known, method: "DoPut", version: 1, kind: "opaque" },
      { ...known, method: "DoGet", version: 1, kind: "opaque" },
      { ...known, method: "GetFlightInfo" },
      { ...known, method: "DoAction", action: "PIN" },
      { ...known, method: "DoAction", action: "DELETE", deleted: 1 },
    ]);
    const [put, get] = calls();
    expect(put?.bytes).toBeGreaterThan("value".length);
    expect(get?.bytes).toBeGreaterThanOrEqual("value".length);
  });

  it("has a line for each call that is refused, with the key and the code", async () => {
    const { client, flight, calls } = await watchedServer("debug");
    await expect(client.get(KEY)).rejects.toThrow();
    await expect(client.put(valuePut(pathDescriptor("a/../b"), "x"))).rejects.toThrow();
    await expect(act(flight, "PIN", KEY)).rejects.toThrow();
    await expect(act(flight, "NOTHING", "")).rejects.toThrow();
    const refused = { text: "call refused", peer: PEER, durationMs: NUMBER, reason: expect.any(String) };
    expect(calls()).toMatchObject([
      { ...refused, method: "DoGet", key: KEY, code: "OBJECT_NOT_FOUND" },
      { ...refused, method: "DoPut", key: "a/../b", code: "INVALID_KEY" },
      { ...refused, method: "DoAction", action: "PIN", key: KEY, code: "OBJECT_NOT_FOUND" },
      { ...refused, method: "DoAction", action: "NOTHING", code: "UNKNOWN_ACTION" },
    ]);
  });

  it("names a get by file location, which makes no call of its own", async () => {
    const { client, flight, calls } = await watchedServer("debug");
    await client.put(valuePut(pathDescriptor(KEY), "value"));
    const metadata = { "flame-file-locations": "1" };
    await flight.getFlightInfo({ kind: "path", path: [KEY] }, { metadata });
    expect(calls().at(-1)).toMatchObject({
      action: "get by file location",
      key: KEY,
      code: "OK",
      fileBytes: NUMBER,
    });
  });

  it("is silent of calls at info", async () => {
    const { client, calls } = await watchedServer("info");
    await client.put(valuePut(pathDescriptor(KEY), "value"));
    expect(calls()).toEqual([]);
  });
});

describe("the log at trace", () => {
  it("shows frames, key parsing, cache decisions and disk reads", async () => {
    const { client, lines } = await watchedServer("trace");
    // A smaller object is in the log and in memory.
    await client.put(valuePut(pathDescriptor(KEY), Buffer.alloc(200_000)));
    await client.get(KEY);
    await client.get(`${KEY}:0`);
    const traced = lines().filter(({ level }) => level === "trace");
    const texts = new Set(traced.map(({ text }) => text));
    for (const text of [
      "frame received",
      "frame sent",
      "stream frames sent",
      "descriptor parsed",
      "ticket parsed",
      "not in memory",
      "found in memory",
      "looked for in storage",
      "read from disk",
    ]) {
      expect(texts).toContain(text);
    }
    expect(traced).toContainEqual(
      expect.objectContaining({ text: "ticket parsed", key: KEY, heldVersion: 0 }),
    );
    expect(traced).toContainEqual(
      expect.objectContaining({ text: "frame received", type: "HEADERS", streamId: 1 }),
    );
  });
});
