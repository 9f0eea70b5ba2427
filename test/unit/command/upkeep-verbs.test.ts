import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from "vitest";
import { FlightClient } from "../../../src/client/flight/flight-client.ts";
import { FlameCache } from "../../../src/client/index.ts";
import { nextPart } from "../../../src/command/complete-keys.ts";
import { isLike } from "../../../src/command/find.ts";
import { formatValueType, valueType } from "../../../src/command/value-type.ts";
import { changesBetween } from "../../../src/command/watch.ts";
import { CacheError } from "../../../src/errors.ts";
import { decodeObjectFacts } from "../../../src/object/object-facts.ts";
import { encodeTag } from "../../../src/object/value-tags.ts";
import { commandDescriptor, pathDescriptor, putMessages, valuePut } from "../../support/flight-messages.ts";
import { type InProcessServer, startInProcess } from "../../support/in-process-server.ts";
import { goldenStream, splitStream } from "../arrow/golden.ts";
import { type RunOptions, runCommand } from "./verb-fixture.ts";

let server: InProcessServer;
beforeAll(async () => {
  server = await startInProcess();
  await server.client.put(valuePut(pathDescriptor("up/one/small"), "12345"));
  await server.client.put(valuePut(pathDescriptor("up/one/large"), Buffer.alloc(2000)));
  await run(["put", "-", "-k", "up/two/json", "--as", "json"], { input: '{"a": [1, 2]}' });
  const [schema, ...batches] = splitStream(goldenStream("numbers"));
  await server.client.put(putMessages(pathDescriptor("up/two/table"), schema!.header, batches));
});
afterAll(async () => {
  await server.stop();
});

const run = (args: readonly string[], options: RunOptions = {}) =>
  runCommand(args, { ...options, env: { FLAME_CACHE_ENDPOINT: server.endpoint, ...options.env } });
const linesOf = (text: string): string[] => text.split("\n").filter((line) => line !== "");
const sortedLines = async (...args: string[]): Promise<string[]> => linesOf((await run(args)).out).sort();

describe("ls", () => {
  it("sorts by size, largest first, and stops at a limit", async () => {
    const { out } = await run(["ls", "up", "--keys", "--sort", "size", "--limit", "2"]);
    expect(linesOf(out)).toEqual(["up/one/large", "up/two/table"]);
    expect(linesOf((await run(["ls", "up", "--keys", "--limit", "1"])).out)).toHaveLength(1);
    expect(linesOf((await run(["ls", "up", "--keys", "--sort", "key"])).out)).toEqual([
      "up/one/large",
      "up/one/small",
      "up/two/json",
      "up/two/table",
    ]);
  });

  it("shows what was put or patched since a time", async () => {
    expect(await sortedLines("ls", "up/one", "--keys", "--since", "1h")).toHaveLength(2);
    expect(await sortedLines("ls", "up/one", "--keys", "--since", "2999-01-01")).toEqual([]);
    expect(await run(["ls", "--since", "soon"])).toMatchObject({ outcome: "usage" });
  });

  it("shows what each value is", async () => {
    await server.client.put(valuePut(pathDescriptor("kinds/s/bytes"), tagged("bytes", "x")));
    await server.client.put(valuePut(pathDescriptor("kinds/s/pickle"), tagged("cloudpickle", "x")));
    await server.client.put(valuePut(pathDescriptor("kinds/s/upload"), "FL"));
    const rows = (await sortedLines("ls", "kinds", "--json")).map((line) => JSON.parse(line).type);
    expect(rows).toEqual(["bytes", "pickle", "file"]);
  });
});

function tagged(name: Parameters<typeof encodeTag>[0], text: string): Buffer {
  return Buffer.concat([encodeTag(name), Buffer.from(text)]);
}

describe("facts of objects", () => {
  it("come to callers who ask for them, and to no other", async () => {
    const client = new FlightClient({ endpoint: server.endpoint });
    const told = async (metadata: Record<string, string>): Promise<(Uint8Array | undefined)[]> => {
      const infos = [await client.getFlightInfo({ kind: "path", path: ["up/one/small"] }, { metadata })];
      for await (const info of client.listFlights("up/one/small", { metadata })) infos.push(info);
      return infos.map(({ endpoints }) => endpoints[0]!.appMetadata);
    };
    expect(await told({})).toEqual([undefined, undefined]);
    const [asked, listed] = await told({ "flame-object-facts": "1" });
    expect(listed).toEqual(asked);
    expect(Buffer.from(decodeObjectFacts(asked).head).toString()).toBe("12345");
    expect(decodeObjectFacts(Buffer.alloc(7))).toMatchObject({ modifiedMs: undefined });
    await client.close();
  });
});

describe("the type of a value", () => {
  it("of a tensor has element type and shape; without its header it is a tensor still", () => {
    // The beginning of pyarrow's ipc.write_tensor of numpy.zeros((3, 4)).
    const start = Buffer.from(
      [
        "fffffffff800000014000000000000000c001a000600050008000c000c00000000040400200000006000000000000000",
        "0000000000000e002800070008000c00100014000e000000000000038c00000034000000180000000000000000000000",
        "60000000000000000000000002000000200000000000000008000000000000000000000002000000300000000c000000",
        "0800100008000400080000000c0000000400000000000000000000000000000008001400080004000800000010000000",
        "030000000000000000000000000000000000060008000600060000000000020000000000000000000000000000000000",
        "00000000000000000000000000000000",
      ].join(""),
      "hex",
    );
    const type = { name: "tensor", elementType: "float64", shape: [3, 4] };
    expect(valueType(Buffer.concat([encodeTag("numpy"), start]))).toEqual(type);
    expect(valueType(tagged("numpy", ""))).toEqual({ name: "tensor" });
    expect(formatValueType(type)).toBe("tensor<float64>[3,4]");
  });

  it("is unknown for tags of newer clients, and undefined where nothing is known", () => {
    expect(valueType(Buffer.from("FLM\x1f"))).toEqual({ name: "unknown" });
    expect(valueType(Buffer.alloc(0))).toBeUndefined();
    expect(valueType(Buffer.from([0x80, 4, 1, 2]))).toEqual({ name: "pickle" });
    expect(valueType(tagged("bufferedPickle", "x"))).toEqual({ name: "pickle" });
  });
});

describe("put and get of values", () => {
  it("keep JSON without a byte of the cache's own, and stat says what it is", async () => {
    expect((await run(["get", "up/two/json"])).out).toBe('{"a": [1, 2]}');
    expect((await run(["get", "up/two/json", "--raw"])).out).toBe('FLM\x05{"a": [1, 2]}');
    expect((await run(["stat", "up/two/json"])).out).toContain("type      json\n");
    expect((await run(["cat", "up/two/json"])).out).toContain('"a": [');
  });

  it("put with --as json or bytes are read by the SDK", async () => {
    const cache = await FlameCache.connect({ endpoint: server.endpoint });
    await run(["put", "-", "-k", "up/tags/sdk", "--as", "bytes"], { input: "text" });
    expect(await cache.get("up/two/json")).toEqual({ a: [1, 2] });
    expect(Buffer.from((await cache.get("up/tags/sdk")) as Uint8Array).toString()).toBe("text");
    await cache.close();
  });

  it("give the base and each patch without its tag", async () => {
    await server.client.put(valuePut(pathDescriptor("up/tags/v"), tagged("json", "1")));
    await server.client.put(valuePut(commandDescriptor("PATCH:up/tags/v"), tagged("json", "2")));
    expect((await run(["get", "up/tags/v"])).out).toBe("12");
  });

  it.each(["{", "", '{"a": 1} x', "NaN"])("refuse %j as JSON, and nothing is put", async (input) => {
    const refused = await run(["put", "-", "-k", "up/tags/none", "--as", "json"], { input });
    expect(refused).toMatchObject({
      outcome: "dataError",
      err: expect.stringContaining("the input is not JSON"),
    });
    expect(await run(["stat", "up/tags/none"])).toMatchObject({ outcome: "noInput" });
  });

  it("keep bytes of any size as bytes", async () => {
    const input = Buffer.alloc(2_500_000, "some bytes ");
    await run(["put", "-", "-k", "up/tags/bytes", "--as", "bytes"], { input });
    expect((await run(["get", "up/tags/bytes"])).bytes.equals(input)).toBe(true);
    expect(JSON.parse((await run(["stat", "up/tags/bytes", "--json"])).out)).toMatchObject({ type: "bytes" });
  });
});

describe("find", () => {
  it.each([
    [["--name", "*/s*"], ["up/one/small"]],
    [["--name", "up/???/table"], ["up/two/table"]],
    [["--type", "json"], ["up/two/json"]],
    [["--type", "table"], ["up/two/table"]],
    [["--larger", "1K"], ["up/one/large"]],
    [["--smaller", "10"], ["up/one/small"]],
    [["--older", "1h"], []],
    [["--newer", "1h", "--type", "file", "--larger", "5"], ["up/one/large"]],
  ])("gives the keys of %j", async (conditions, keys) => {
    expect(await sortedLines("find", "up/one", ...conditions)).toEqual(
      keys.filter((key) => key.startsWith("up/one")),
    );
    expect(await sortedLines("find", "up/two", ...conditions)).toEqual(
      keys.filter((key) => key.startsWith("up/two")),
    );
  });

  it("compares a name with a pattern in steps that do not explode", () => {
    const pattern = `${"*a".repeat(200)}b`;
    expect(isLike("a".repeat(600), pattern)).toBe(false);
    expect(isLike("a".repeat(600), "*".repeat(100))).toBe(true);
    expect(isLike("", "*")).toBe(true);
    expect(isLike("abc", "a?")).toBe(false);
  });
});

describe("du", () => {
  it("sums up sessions and applications, largest first, and all of them", async () => {
    const { out } = await run(["du", "up", "--by", "app", "--json"]);
    const [up, total] = linesOf(out).map((line) => JSON.parse(line));
    expect(up).toMatchObject({ prefix: "up" });
    expect(total).toEqual({ total: true, objects: up.objects, size: up.size });
    expect((await run(["du", "up/one"])).out).toBe("2005  2  up/one\n2005  2  total\n");
  });
});

describe("watch", () => {
  it("says what comes, changes and goes", async () => {
    const before = new Map([
      ["a", 1],
      ["b", 1],
      ["c", 3],
    ]);
    const now = new Map([
      ["b", 2],
      ["c", 3],
      ["d", 1],
    ]);
    expect([...changesBetween(before, now)]).toEqual([
      { event: "changed", key: "b", version: 2 },
      { event: "added", key: "d", version: 1 },
      { event: "removed", key: "a" },
    ]);
  });

  it("begins with what is there when it is told to, and ends after so many changes", async () => {
    const { outcome, out } = await run(["watch", "up/one", "--initial", "--changes", "2"]);
    expect([outcome, linesOf(out).sort()]).toEqual([
      "ok",
      ["+ up/one/large version 1", "+ up/one/small version 1"],
    ]);
  });

  it("ends when it is told to stop", async () => {
    expect(await run(["watch", "up"], { stopped: Promise.resolve("SIGINT") })).toMatchObject({
      outcome: "interrupted",
      out: "",
    });
  });
});

describe("pin, unpin and expire", () => {
  it("say until when, and stat shows it", async () => {
    await server.client.put(valuePut(pathDescriptor("keep/s/o"), "x"));
    expect((await run(["pin", "keep/s"])).out).toBe("keep/s pinned until it is unpinned\n");
    const pinned = JSON.parse((await run(["pin", "keep/s/o", "--for", "1h", "--json"])).out);
    expect(pinned).toEqual({ key: "keep/s/o", until: expect.stringMatching(/Z$/) });
    expect((await run(["unpin", "keep/s"])).out).toBe("keep/s unpinned\n");
    const { until } = JSON.parse((await run(["expire", "keep/s/o", "--in", "7d", "--json"])).out);
    expect(JSON.parse((await run(["stat", "keep/s/o", "--json"])).out)).toMatchObject({ expires: until });
    expect((await run(["expire", "keep/s/o", "--never"])).out).toBe("keep/s/o never expires\n");
  });

  it.each([
    [["expire", "keep/s/o"], "expire needs either --in TIME, such as --in 1h, or --never"],
    [["expire", "keep/s/o", "--in", "1h", "--never"], "expire needs either"],
    [["pin", "keep"], "pin 'keep/*'"],
    [["pin", "keep/s/o", "--for", "soon"], "It must be a duration"],
  ])("refuse %j", async (args, text) => {
    const { outcome, err } = await run(args);
    expect([outcome, err]).toEqual(["usage", expect.stringContaining(text)]);
  });

  it("refuse an object that does not exist", async () => {
    expect(await run(["pin", "keep/s/missing"])).toMatchObject({ outcome: "noInput" });
  });
});

describe("ping, info and bench", () => {
  it("ping answers once per call", async () => {
    const lines = linesOf((await run(["ping", "-c", "2", "--json"])).out).map((line) => JSON.parse(line));
    expect(lines).toMatchObject([{ call: 1, endpoint: server.endpoint }, { call: 2 }]);
    expect((await run(["ping"])).out).toMatch(/ answered in \d+\.\d ms \(connected\)\n$/);
  });

  it("info shows what there is and what is offered", async () => {
    const json = JSON.parse((await run(["info", "--json"])).out);
    expect(json).toMatchObject({
      endpoint: server.endpoint,
      table: 1,
      actions: expect.arrayContaining(["PIN"]),
    });
    expect((await run(["info"])).out).toMatch(
      /^endpoint {2}grpc:.*\nanswers {3}in .*\nobjects {3}\d+ values, 1 table\n/,
    );
  });

  it("bench measures puts and gets, and leaves nothing", async () => {
    const { outcome, out } = await run([
      "bench",
      "--count",
      "5",
      "--size",
      "1K",
      "--concurrency",
      "2",
      "--json",
    ]);
    expect(outcome).toBe("ok");
    expect(linesOf(out).map((line) => JSON.parse(line))).toMatchObject([
      { call: "put", size: 1024, count: 5, concurrency: 2 },
      { call: "get", size: 1024, count: 5 },
    ]);
    expect((await run(["ls", "bench"])).out).toBe("");
  });

  it("bench ends with its first error, also when the cleanup fails as well", async () => {
    const refusing = vi.spyOn(FlightClient.prototype, "doPut").mockImplementation(() => {
      throw new CacheError("STORAGE_FULL", "the first error");
    });
    const cleanup = vi.spyOn(FlightClient.prototype, "doAction").mockImplementation(() => {
      throw new CacheError("UNREACHABLE", "the cleanup's error");
    });
    onTestFinished(() => [refusing, cleanup].forEach((each) => void each.mockRestore()));
    const { outcome, err } = await run(["bench", "--count", "1"]);
    expect(cleanup).toHaveBeenCalledOnce();
    expect({ outcome, err }).toEqual({
      outcome: "serverFailure",
      err: expect.stringContaining("[STORAGE_FULL] the first error"),
    });
  });

  it("no server is exit code 69", async () => {
    const env = { FLAME_CACHE_ENDPOINT: "grpc://127.0.0.1:1" };
    expect(await run(["ping"], { env })).toMatchObject({ outcome: "unavailable" });
  });
});

describe("completion of keys", () => {
  it.each([
    ["", ["kinds/", "up/"]],
    ["u", ["up/"]],
    ["up/", ["up/one/", "up/tags/", "up/two/"]],
    ["up/t", ["up/tags/", "up/two/"]],
    ["up/one/s", ["up/one/small"]],
    ["up/one/x", []],
  ])("goes on from %j", async (word, offers) => {
    const offered = await sortedLines("complete-keys", "--", word);
    expect(offered.filter((offer) => !offer.startsWith("keep"))).toEqual(offers);
  });

  it("offers nothing, and says nothing, without a server", async () => {
    const env = { FLAME_CACHE_ENDPOINT: "grpc://127.0.0.1:1" };
    expect(await run(["complete-keys", "up"], { env })).toEqual(
      expect.objectContaining({ outcome: "ok", out: "", err: "" }),
    );
  });

  it("stops at the next slash", () => {
    expect(nextPart("app/session/object", "ap")).toBe("app/");
    expect(nextPart("app/session/object", "app/session/object")).toBe("app/session/object");
    expect(nextPart("app/session/object", "other")).toBeUndefined();
  });
});
