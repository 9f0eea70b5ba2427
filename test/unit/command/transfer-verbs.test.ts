import { mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { startServer } from "../../../src/service/start-server.ts";
import { selfSignedCertificate, tlsConfig } from "../../support/certificate.ts";
import {
  commandDescriptor,
  flightData,
  opaqueRows,
  pathDescriptor,
  valuePut,
} from "../../support/flight-messages.ts";
import { type InProcessServer, serverConfig, startInProcess } from "../../support/in-process-server.ts";
import { Random } from "../../support/random.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../../support/temporary-directory.ts";
import { GOLDEN, goldenFile, goldenStream, splitStream } from "../arrow/golden.ts";
import { type RunOptions, runCommand } from "./verb-fixture.ts";

let server: InProcessServer;
let other: InProcessServer;
let directory: TemporaryDirectory;
beforeAll(async () => {
  server = await startInProcess();
  other = await startInProcess();
});
afterAll(async () => {
  await server.stop();
  await other.stop();
});
beforeEach(() => {
  directory = temporaryDirectory("verbs");
});
afterEach(() => {
  directory.remove();
});

const path = (name: string): string => join(directory.path, name);
const run = (args: readonly string[], options: RunOptions = {}) =>
  runCommand(args, { ...options, env: { FLAME_CACHE_ENDPOINT: server.endpoint, ...options.env } });

function fileOf(name: string, bytes: Uint8Array | string): string {
  writeFileSync(path(name), bytes);
  return path(name);
}

describe("put and get", () => {
  it.each([0, 1, 1024 ** 2, 1024 ** 2 + 1, 3_500_000])(
    "bring a file of %i bytes back equal",
    async (sizeBytes) => {
      const bytes = Buffer.alloc(sizeBytes, new Random(sizeBytes).bytes(9973));
      const file = fileOf("in", bytes);
      const stored = await run(["put", file, "--key", `files/s/${sizeBytes}`, "--json"]);
      expect(JSON.parse(stored.out)).toEqual({
        endpoint: server.endpoint,
        key: `files/s/${sizeBytes}`,
        version: 1,
        kind: "opaque",
        rows: Math.min(1, sizeBytes),
        size: sizeBytes,
      });
      expect(await run(["get", `files/s/${sizeBytes}`, "-o", path("out")])).toMatchObject({
        outcome: "ok",
        out: "",
      });
      expect(readFileSync(path("out")).equals(bytes)).toBe(true);
      expect((await run(["get", `files/s/${sizeBytes}`])).bytes.equals(bytes)).toBe(true);
    },
  );

  it("take standard input of unknown length, in whatever pieces it comes", async () => {
    async function* input(): AsyncGenerator<Buffer> {
      for (let part = 0; part < 300; part += 1) yield Buffer.alloc(part * 37, part);
    }
    const { out } = await run(["put", "-", "-k", "files/s/piped"], { input: input() });
    expect(out).toBe("files/s/piped version 1\n");
    const parts: Buffer[] = [];
    for await (const part of input()) parts.push(part);
    expect((await run(["get", "files/s/piped"])).bytes.equals(Buffer.concat(parts))).toBe(true);
  });

  it("let the server name the object when the key has two parts", async () => {
    const { out } = await run(["put", "-", "-k", "files/named"], { input: "x" });
    expect(out).toMatch(/^files\/named\/[0-9a-f-]{36} version 1\n$/);
  });

  it("give the base, then its patches, as bytes", async () => {
    await run(["put", "-", "-k", "files/s/patched"], { input: "base" });
    await server.client.put(valuePut(commandDescriptor("PATCH:files/s/patched"), "+1"));
    await server.client.put(valuePut(commandDescriptor("PATCH:files/s/patched"), "+2"));
    expect((await run(["get", "files/s/patched"])).out).toBe("base+1+2");
  });

  it("reach a key that a ticket would take for another key and a version", async () => {
    await run(["put", "-", "-k", "files/s/odd:7"], { input: "odd" });
    expect((await run(["get", "files/s/odd:7"])).out).toBe("odd");
    expect((await run(["cat", "files/s/odd:7"])).out).toBe("odd\n");
  });

  it.each(Object.keys(GOLDEN.streams).filter((name) => name !== "legacy"))(
    "keep the table %s, as a stream and as a file",
    async (name) => {
      const stream = fileOf("in.arrows", goldenStream(name));
      expect((await run(["put", stream, "-k", `t/s/${name}`])).outcome).toBe("ok");
      const back = await run(["get", `t/s/${name}`]);
      expect(
        (await run(["put", "-", "-k", `t/s/${name}-2`, "--as", "table"], { input: back.bytes })).outcome,
      ).toBe("ok");
      // The second time the bytes are the command's own, so they are equal.
      expect((await run(["get", `t/s/${name}-2`])).bytes.equals(back.bytes)).toBe(true);
    },
  );

  it.each(Object.keys(GOLDEN.files))("write the table %s as a file that can be put again", async (name) => {
    await run(["put", fileOf("in.arrow", goldenFile(name)), "-k", `t/f/${name}`]);
    const names = [name, `${name}-2`, `${name}-3`];
    for (const [index, next] of names.entries()) {
      await run(["get", `t/f/${next}`, "-o", path(`${index}.arrow`)]);
      expect(readFileSync(path(`${index}.arrow`)).toString("latin1", 0, 8)).toBe("ARROW1\0\0");
      const again = await run([
        "put",
        path(`${index}.arrow`),
        "-k",
        `t/f/${names[index + 1] ?? "last"}`,
        "--json",
      ]);
      expect(JSON.parse(again.out)).toMatchObject({ kind: "table", rows: 6 });
    }
    // What padded the schema in the first file belongs to it from then on; after that nothing changes any more.
    expect(readFileSync(path("2.arrow")).equals(readFileSync(path("1.arrow")))).toBe(true);
  });

  it("store Arrow bytes as they are with --as opaque, and refuse others with --as table", async () => {
    const stream = fileOf("in.arrows", goldenStream("numbers"));
    await run(["put", stream, "-k", "t/s/raw", "--as", "opaque"]);
    expect((await run(["get", "t/s/raw"])).bytes.equals(goldenStream("numbers"))).toBe(true);
    const refused = await run(["put", "-", "-k", "t/s/none", "--as", "table"], { input: "no table at all" });
    expect(refused).toMatchObject({ outcome: "dataError", out: "" });
    expect(refused.err).toMatch(/^flame-object-cache: \[INVALID_IPC\] [^\n]+\n$/);
  });

  it("store nothing of a table that is cut short, and say how to store it all the same", async () => {
    const whole = goldenStream("dictionaries");
    const cut = await run(["put", fileOf("cut", whole.subarray(0, whole.length - 20)), "-k", "t/s/cut"]);
    expect(cut.outcome).toBe("dataError");
    const cutFile = await run(["put", fileOf("cut", goldenFile("nested").subarray(0, 500)), "-k", "t/s/cut"]);
    expect(cutFile).toMatchObject({ outcome: "dataError", err: expect.stringContaining("--as opaque") });
    expect((await run(["stat", "t/s/cut"])).outcome).toBe("noInput");
  });

  it("refuse to write a table that replaces a dictionary as a file, and leave nothing", async () => {
    await run(["put", fileOf("in", goldenStream("replaced")), "-k", "t/s/replaced"]);
    const refused = await run(["get", "t/s/replaced", "-o", path("out.arrow")]);
    expect(refused).toMatchObject({ outcome: "dataError", err: expect.stringContaining("--format stream") });
    expect(readdirSync(directory.path)).toEqual(["in"]);
    expect((await run(["get", "t/s/replaced", "-o", path("out.arrows")])).outcome).toBe("ok");
  });
});

describe("a cache that speaks TLS", () => {
  it("is trusted by --ca-file, and by nothing else", async () => {
    const { cert, key } = selfSignedCertificate();
    const tls = tlsConfig(fileOf("cert.pem", cert), fileOf("key.pem", key));
    const endpoint = { scheme: "grpcs", host: "127.0.0.1", port: 0 } as const;
    const secure = await startServer(serverConfig(undefined, { endpoint, tls }));
    try {
      const options = ["--endpoint", secure.endpoint, "--ca-file", path("cert.pem")];
      await run(["put", "-", "-k", "tls/s/o", ...options], { input: "secret" });
      expect((await run(["get", "tls/s/o", ...options])).out).toBe("secret");
      const distrusted = await run(["get", "tls/s/o", "--endpoint", secure.endpoint]);
      expect(distrusted).toMatchObject({ outcome: "unavailable", out: "" });
      expect(distrusted.err).toMatch(/^flame-object-cache: \[UNREACHABLE\] [^\n]*self-signed[^\n]*\n$/);
    } finally {
      await secure.stop();
    }
  });
});

describe("the file that get writes", () => {
  beforeEach(async () => {
    await run(["put", "-", "-k", "files/s/small"], { input: "new" });
  });

  it("replaces another one at once, with its permissions, and follows a link to it", async () => {
    writeFileSync(path("target"), "old", { mode: 0o600 });
    symlinkSync(path("target"), path("link"));
    await run(["get", "files/s/small", "-o", path("link")]);
    expect(readFileSync(path("target"), "utf8")).toBe("new");
    expect(statSync(path("target")).mode & 0o777).toBe(0o600);
    expect(readdirSync(directory.path).sort()).toEqual(["link", "target"]);
  });

  it("is written straight away when it is a device", async () => {
    expect((await run(["get", "files/s/small", "-o", "/dev/null"])).outcome).toBe("ok");
    expect(statSync("/dev/null").isCharacterDevice()).toBe(true);
  });

  it("stays as it was when the object is not there", async () => {
    fileOf("kept", "old");
    expect((await run(["get", "files/s/missing", "-o", path("kept")])).outcome).toBe("noInput");
    expect(readFileSync(path("kept"), "utf8")).toBe("old");
  });

  it("cannot be a directory, nor lie in one that is missing", async () => {
    mkdirSync(path("folder"));
    for (const target of ["folder", "missing/file"]) {
      const refused = await run(["get", "files/s/small", "-o", path(target)]);
      expect(refused).toMatchObject({ outcome: "noOutput", out: "" });
      expect(refused.err).toMatch(/^flame-object-cache: [^\n]+: [a-z ]+ \((EISDIR|ENOENT)\)\n$/);
    }
  });
});

describe("get to a terminal", () => {
  it("writes text, and refuses what would garble it unless it is forced", async () => {
    await run(["put", "-", "-k", "files/s/text"], { input: "grün\n" });
    await run(["put", "-", "-k", "files/s/binary"], { input: Buffer.from([0, 1, 2]) });
    expect((await run(["get", "files/s/text"], { isTerminal: true })).out).toBe("grün\n");
    const refused = await run(["get", "files/s/binary"], { isTerminal: true });
    expect(refused).toMatchObject({ outcome: "usage", out: "", err: expect.stringContaining("-o FILE") });
    expect((await run(["get", "files/s/binary", "--force"], { isTerminal: true })).bytes).toEqual(
      Buffer.from([0, 1, 2]),
    );
  });
});

describe("cp", () => {
  const at = (endpoint: string, key: string): string => `${endpoint}/${key}`;

  it("copies a value with its patches, each as a patch", async () => {
    await run(["put", "-", "-k", "cp/s/value"], { input: Buffer.alloc(1_500_000, "b") });
    await server.client.put(valuePut(commandDescriptor("PATCH:cp/s/value"), "first"));
    await server.client.put(valuePut(commandDescriptor("PATCH:cp/s/value"), ""));
    const { out } = await run(["cp", "cp/s/value", at(other.endpoint, "copies/s")]);
    expect(out).toBe("copies/s/value version 3\n");
    const [base, ...patches] = opaqueRows(await other.client.get("copies/s/value", 0));
    expect(base).toMatchObject({ version: 1, kind: "base", data: "b".repeat(1_500_000) });
    expect(patches).toEqual([
      { version: 2, kind: "patch", data: "first" },
      { version: 3, kind: "patch", data: "" },
    ]);
  });

  it.each(Object.keys(GOLDEN.streams).filter((name) => name !== "legacy"))(
    "copies the table %s",
    async (name) => {
      await run(["put", fileOf("in", goldenStream(name)), "-k", `cp/t/${name}`]);
      const copied = await run(["cp", `cp/t/${name}`, at(other.endpoint, `cp/t/${name}`), "--json"]);
      expect(JSON.parse(copied.out)).toMatchObject({
        endpoint: other.endpoint,
        version: 1,
        source: { endpoint: server.endpoint, key: `cp/t/${name}`, version: 1 },
      });
      const source = await server.client.get(`cp/t/${name}`);
      const copy = await other.client.get(`cp/t/${name}`);
      expect(copy.map(({ header, body }) => [header, body])).toEqual(
        source.map(({ header, body }) => [header, body]),
      );
    },
  );

  it("copies app_metadata of schema and batches, which the server then answers otherwise", async () => {
    const [schema, ...batches] = splitStream(goldenStream("numbers"));
    const messages = batches.map(({ header, body }) => ({ header, body, appMetadata: "mark" }));
    const descriptor = pathDescriptor("cp/t/marked");
    const first = flightData({ descriptor, header: schema!.header, appMetadata: "of the schema" });
    await server.client.putAll([first, ...messages.map(flightData)]);
    expect((await run(["cp", "cp/t/marked", at(other.endpoint, "cp/t/marked")])).out).toBe(
      "cp/t/marked version 1\n",
    );
    expect((await other.client.get("cp/t/marked")).map(({ appMetadata }) => appMetadata)).toEqual([
      "of the schema",
      "mark",
    ]);
  });

  it("replaces what is there, under the target's own version", async () => {
    await run(["put", "-", "-k", "cp/s/one"], { input: "one" });
    await run(["cp", "cp/s/one", at(other.endpoint, "cp/s/twice")]);
    expect((await run(["cp", "cp/s/one", at(other.endpoint, "cp/s/twice")])).out).toBe(
      "cp/s/twice version 2\n",
    );
  });

  it("copies to another key of the same cache, and refuses to copy onto itself", async () => {
    await run(["put", "-", "-k", "cp/s/same"], { input: "same" });
    expect((await run(["cp", "cp/s/same", "cp/other/same"])).outcome).toBe("ok");
    expect((await run(["get", "cp/other/same"])).out).toBe("same");
    expect(await run(["cp", "cp/s/same", at(server.endpoint, "cp/s")])).toMatchObject({ outcome: "usage" });
  });

  it("leaves the target alone when the source is not there", async () => {
    await run(["put", "-", "-k", "cp/s/kept"], { input: "kept" });
    expect((await run(["cp", "cp/s/missing", "cp/s/kept"])).outcome).toBe("noInput");
    expect((await run(["get", "cp/s/kept"])).out).toBe("kept");
  });
});

describe("a transfer that is stopped", () => {
  it.each([
    ["SIGINT", "interrupted"],
    ["SIGTERM", "terminated"],
  ])("ends by its own name and stores nothing: %s", async (signal, outcome) => {
    const stopping: { stop?: (name: string) => void } = {};
    const stopped = new Promise<string>((resolve) => {
      stopping.stop = resolve;
    });
    async function* input(): AsyncGenerator<Buffer> {
      yield Buffer.alloc(2_000_000);
      stopping.stop?.(signal);
      await new Promise(() => {});
    }
    const ended = await run(["put", "-", "-k", "files/s/stopped"], { input: input(), stopped });
    expect(ended).toMatchObject({
      outcome,
      out: "",
      err: `flame-object-cache: [CANCELLED] stopped by ${signal}\n`,
    });
    expect((await run(["stat", "files/s/stopped"])).outcome).toBe("noInput");
  });

  it("ends quietly when nobody reads its output any more", async () => {
    await run(["put", "-", "-k", "files/s/long"], { input: Buffer.alloc(3_000_000) });
    const ended = await run(["get", "files/s/long"], { closedAfterWrites: 1 });
    expect(ended).toMatchObject({ outcome: "outputClosed", err: "" });
  });
});
