/**
 * A server that is sent whatever there is: each call ends in an answer or a typed error, soon, and nothing is left of it.
 *
 * What was accepted must be whole on disk and served. Seeds are fixed; the slowest call is printed, beside the processor time that
 * tells a slow call from a busy machine, and only a hang fails: timings are no assertions.
 */
import { existsSync, readdirSync, readlinkSync } from "node:fs";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { IndexedCache } from "../../src/cache/indexed-cache.ts";
import { isCacheError } from "../../src/errors.ts";
import { FLIGHT_METHODS, HEALTH_METHODS } from "../../src/flight/methods.ts";
import { GrpcServer } from "../../src/grpc/server.ts";
import { verifyObject } from "../../src/object/verify-object.ts";
import { buildMethods } from "../../src/service/flight/flight-service.ts";
import { ServiceContext } from "../../src/service/service-context.ts";
import { DiskStorage } from "../../src/storage/disk/disk-storage.ts";
import { formOfPart } from "../../src/storage/object-part.ts";
import { campaign } from "../support/campaign.ts";
import { FlightTestClient } from "../support/flight-client.ts";
import { flightData, opaqueRows, pathDescriptor, valuePut } from "../support/flight-messages.ts";
import { Random } from "../support/random.ts";
import { namesIn } from "../support/scanned-names.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { type HostileCall, honestPuts, hostilePut, hostileRequest, patchedObjects } from "./hostile-input.ts";

/** A call that takes longer than this hangs. */
const HANG_MS = 5000;
const LANES = 3;
const MIB = 1024 ** 2;
const SEEDS = campaign({ slice: [1], whole: [1, 2, 3] });
/** At least this many of the puts are accepted. */
const [FILES, KEYS] = campaign({ slice: [150, 100], whole: [500, 300] });
const CALLS = campaign({ slice: 300, whole: 1000 });
/** Before memory is measured first; ten times as many come then. */
const PUTS = campaign({ slice: 50, whole: 200 });

const directory = temporaryDirectory("fuzz");
const storage = new DiskStorage({ directory: directory.path });
const cache = new IndexedCache(storage);
const methods = new Map();
const server = new GrpcServer({ methods });
const unhandled: unknown[] = [];
const onUnhandled = (error: unknown): void => void unhandled.push(error);
let clients: FlightTestClient[] = [];
let openFilesBefore = 0;

/** Descriptors, but for segments of the log: as many as it needs, up to a limit. */
function openFiles(): number {
  const targets = readdirSync("/proc/self/fd").map((fd) => readlinkOf(`/proc/self/fd/${fd}`));
  return targets.filter((target) => !target.startsWith(`${directory.path}/.log/`)).length;
}

/** Empty for the descriptor of the list itself. */
function readlinkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}

beforeAll(async () => {
  process.on("unhandledRejection", onUnhandled);
  await cache.start();
  const { port } = await server.listen("127.0.0.1", 0);
  const endpoint = `grpc://127.0.0.1:${port}`;
  const stopping = new AbortController().signal;
  for (const [path, handler] of buildMethods(ServiceContext.open({ cache, endpoint, stopping })))
    methods.set(path, handler);
  clients = Array.from({ length: 3 }, () => new FlightTestClient(endpoint));
  for (const client of clients) await client.list();
  openFilesBefore = openFiles();
});

afterAll(async () => {
  for (const client of clients) await client.close();
  await server.close();
  await cache.stop();
  directory.remove();
  process.off("unhandledRejection", onUnhandled);
});

interface Verdict {
  readonly outcome: string;
  readonly tookMs: number;
  /** Processor time that the whole process, clients and other lanes included, spent meanwhile. */
  readonly cpuMs: number;
  readonly call: HostileCall;
}

/** `answered`, the code of a typed error, or what else came of it. */
async function judge(call: HostileCall, client: FlightTestClient): Promise<Verdict> {
  const startedMs = performance.now();
  const cpuBefore = process.cpuUsage();
  let outcome = "answered";
  try {
    await client.exchange(call.path, call.requests, { timeoutMs: HANG_MS });
  } catch (error) {
    outcome = isCacheError(error) ? error.code : String(error);
  }
  const { user, system } = process.cpuUsage(cpuBefore);
  return { outcome, tookMs: performance.now() - startedMs, cpuMs: (user + system) / 1000, call };
}

/** Many calls, a few at a time over all connections. */
async function judgeAll(calls: Iterable<HostileCall>): Promise<Verdict[]> {
  const verdicts: Verdict[] = [];
  const source = calls[Symbol.iterator]();
  const lane = async (number: number): Promise<void> => {
    for (let next = source.next(); !next.done; next = source.next()) {
      verdicts.push(await judge(next.value, clients[number % clients.length]!));
    }
  };
  await Promise.all(Array.from({ length: LANES }, (_, number) => lane(number)));
  return verdicts;
}

function* times<Made>(count: number, make: (number: number) => Made): Generator<Made> {
  for (let number = 0; number < count; number += 1) yield make(number);
}

/** What a client's mistake may be answered with. */
const REFUSALS = ["INVALID_KEY", "INVALID_REQUEST", "INVALID_IPC", "UNKNOWN_ACTION", "OBJECT_NOT_FOUND"];
const EXPECTED = new Set(["answered", "OBJECT_TOO_LARGE", "NOT_IMPLEMENTED", ...REFUSALS]);

function unexpected(verdicts: readonly Verdict[]): unknown[] {
  return verdicts
    .filter(({ outcome }) => !EXPECTED.has(outcome))
    .map(({ outcome, call }) => ({
      outcome,
      path: call.path,
      requests: call.requests.map((r) => r.toString("hex")),
    }));
}

function report(what: string, verdicts: readonly Verdict[]): void {
  const worst = Math.max(...verdicts.map(({ tookMs }) => tookMs));
  const most = Math.max(...verdicts.map(({ cpuMs }) => cpuMs));
  const outcomes: Record<string, number> = {};
  for (const { outcome } of verdicts) outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
  console.log(
    `${verdicts.length} ${what}, slowest ${worst.toFixed(1)} ms, most processor time ${most.toFixed(1)} ms:`,
    JSON.stringify(outcomes),
  );
}

/** Bytes this process holds for good, once garbage is collected. */
function heldBytes(): number {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  collect();
  collect();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

describe("a server that is sent hostile input", () => {
  it("takes the honest puts that the hostile ones are made of", async () => {
    for (const put of patchedObjects()) await clients[0]!.put(put.map(flightData));
    const calls = honestPuts(1).map((put) => ({
      path: FLIGHT_METHODS.DoPut.path,
      requests: put.map(flightData),
    }));
    const verdicts = await judgeAll(calls);
    expect(verdicts.map(({ outcome }) => outcome)).toEqual(calls.map(() => "answered"));
  });

  it.each(SEEDS)("answers each damaged put, or refuses it with a typed error, with seed %i", async (seed) => {
    const random = new Random(seed);
    const verdicts = await judgeAll(times(1000, (number) => hostilePut(random, number)));
    report("damaged puts", verdicts);
    expect(unexpected(verdicts)).toEqual([]);
  });

  it("answers each damaged request of any other method, or refuses it with a typed error", async () => {
    const random = new Random(4);
    const verdicts = await judgeAll(times(CALLS * 1.5, () => hostileRequest(random)));
    report("damaged requests", verdicts);
    expect(unexpected(verdicts)).toEqual([]);
  });

  it("answers or refuses every method that is sent random bytes", async () => {
    const random = new Random(5);
    const paths = [...Object.values(FLIGHT_METHODS), HEALTH_METHODS.Check].map(({ path }) => path);
    const calls = times(CALLS, () => ({
      path: random.pick(paths),
      requests: Array.from({ length: 1 + random.below(3) }, () => random.bytes(random.below(300))),
    }));
    const verdicts = await judgeAll(calls);
    report("calls of random bytes", verdicts);
    expect(unexpected(verdicts)).toEqual([]);
  });

  it("answers or refuses a put that is cut after any of its bytes", async () => {
    const whole = honestPuts(2)[0]!.map(flightData);
    const [schema, batch] = [whole[0]!, whole[1]!];
    const cuts = Array.from({ length: batch.length }, (_, length) => [schema, batch.subarray(0, length)]);
    const verdicts = await judgeAll(cuts.map((requests) => ({ path: FLIGHT_METHODS.DoPut.path, requests })));
    report("cut puts", verdicts);
    expect(unexpected(verdicts)).toEqual([]);
  });

  it("survives watches of its health that ask for anything", async () => {
    const random = new Random(6);
    const calls = Array.from({ length: 100 }, () => clients[0]!.grpc.open(HEALTH_METHODS.Watch.path));
    for (const call of calls) {
      await call.write([random.bytes(random.below(30))]);
      call.endRequests();
      await call.responses.next().catch((error: unknown) => expect(isCacheError(error)).toBe(true));
      call.cancel();
    }
  });
});

describe("a server that was sent hostile input", () => {
  it("has no call open, no file staged, none damaged, and no descriptor more than before", async () => {
    await vi.waitFor(() => expect(server.openCalls).toBe(0), { timeout: HANG_MS });
    expect(readdirSync(`${directory.path}/.staging`)).toEqual([]);
    expect(existsSync(`${directory.path}/.quarantine`)).toBe(false);
    expect(openFiles()).toBeLessThanOrEqual(openFilesBefore);
    expect(unhandled).toEqual([]);
  });

  it("has nothing on disk that is not whole", async () => {
    let files = 0;
    for await (const found of storage.scan()) {
      for (const name of namesIn(found)) {
        const file = (await storage.open(name))!;
        await verifyObject(file, formOfPart(name.part));
        file.close();
        files += 1;
      }
    }
    expect(files).toBeGreaterThan(FILES);
  });

  it("serves whatever it took, with a version and without", async () => {
    const [client] = clients;
    const keys = await client!.keys();
    expect(keys.length).toBeGreaterThan(KEYS);
    for (const key of keys) {
      expect((await client!.get(key, 0)).length).toBeGreaterThan(0);
      await client!.info(key);
    }
  });

  it("serves a clean put and get", async () => {
    const [client] = clients;
    await client!.put(valuePut(pathDescriptor("clean/after/all"), "value"));
    expect(opaqueRows(await client!.get("clean/after/all"))).toMatchObject([{ data: "value" }]);
  });

  it("finds everything again when it is started anew", async () => {
    const keys = await clients[0]!.keys();
    const again = new IndexedCache(new DiskStorage({ directory: directory.path }));
    await cache.stop();
    await again.start();
    let found = 0;
    for await (const page of again.list({ scope: "all" })) found += page.length;
    await again.stop();
    await cache.start();
    expect(found).toBe(keys.length);
  });

  it("holds no more memory after ten times the input", async () => {
    const random = new Random(7);
    /** Puts, and takes all of it away again. Nothing of it is reachable from here. */
    const spend = async (count: number): Promise<void> => {
      await judgeAll(times(count, (number) => hostilePut(random, number)));
      await cache.delete({ scope: "application", applicationId: "fuzz" });
      await vi.waitFor(() => expect(server.openCalls).toBe(0), { timeout: HANG_MS });
    };
    await spend(PUTS);
    const before = heldBytes();
    await spend(10 * PUTS);
    const grown = heldBytes() - before;
    console.log(`memory held: ${(grown / MIB).toFixed(2)} MiB more`);
    expect(grown).toBeLessThan(4 * MIB);
  });
});
