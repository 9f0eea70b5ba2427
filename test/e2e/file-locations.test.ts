/**
 * `file://` locations: who asks from this host is told where an object's file lies, and nobody else is.
 */
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { decodeFlightInfo } from "../../src/flight/messages.ts";
import { FLIGHT_METHODS } from "../../src/flight/methods.ts";
import { isOwnAddress } from "../../src/grpc/peer-address.ts";
import { commandDescriptor, opaqueRows, pathDescriptor, valuePut } from "../support/flight-messages.ts";
import { type InProcessServer, startInProcess } from "../support/in-process-server.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

const directory = temporaryDirectory("file-locations");
let server: InProcessServer;

beforeAll(async () => {
  server = await startInProcess(directory.path);
});

afterAll(async () => {
  await server.stop();
  directory.remove();
});

/** The locations of an object for a client that sends this header. */
async function locations(
  key: string,
  header?: string,
  on: InProcessServer = server,
): Promise<readonly string[]> {
  const metadata = header === undefined ? {} : { "flame-file-locations": header };
  const answer = await on.client.grpc.unary(FLIGHT_METHODS.GetFlightInfo.path, pathDescriptor(key), {
    metadata,
  });
  return decodeFlightInfo(answer).endpoints[0]!.locations;
}

async function put(key: string, value: string, on: InProcessServer = server): Promise<void> {
  await on.client.put(valuePut(pathDescriptor(key), value));
}

describe("a client on the server's host that asks for file locations", () => {
  it("is told the file beside the endpoint, with what tells it from any other", async () => {
    await put("app/s/ä #?%", "value");
    const [grpc, file, ...others] = await locations("app/s/ä #?%", "1");
    expect(grpc).toBe(server.endpoint);
    expect(others).toEqual([]);
    const url = new URL(file!);
    const path = fileURLToPath(new URL(url.pathname, "file://"));
    expect(path).toBe(`${directory.path}/app/s/ä #?%.arrow`);
    const { size, dev, ino, mtimeNs } = statSync(path, { bigint: true });
    expect(Object.fromEntries(url.searchParams)).toEqual({
      size: `${size}`,
      dev: `${dev}`,
      ino: `${ino}`,
      mtime_ns: `${mtimeNs}`,
    });
  });

  it("is told another file after the object was replaced", async () => {
    await put("app/s/replaced", "old");
    const [, before] = await locations("app/s/replaced", "1");
    await put("app/s/replaced", "new");
    const [, after] = await locations("app/s/replaced", "1");
    expect(new URL(after!).searchParams.get("ino")).not.toBe(new URL(before!).searchParams.get("ino"));
  });

  it("is told none of an object that has patches", async () => {
    await put("app/s/patched", "base");
    await server.client.put(valuePut(commandDescriptor("PATCH:app/s/patched"), "patch"));
    expect(await locations("app/s/patched", "1")).toEqual([server.endpoint]);
  });

  it("is told none by a server that keeps no files", async () => {
    const inMemory = await startInProcess();
    await put("app/s/o", "value", inMemory);
    expect(await locations("app/s/o", "1", inMemory)).toEqual([inMemory.endpoint]);
    await inMemory.stop();
  });

  it("gets an error when there is no object, as everybody does", async () => {
    await expect(locations("app/s/missing", "1")).rejects.toMatchObject({ code: "OBJECT_NOT_FOUND" });
  });

  it("is not handed a file that was damaged while no server ran", async () => {
    const other = temporaryDirectory("file-locations-damaged");
    const first = await startInProcess(other.path);
    await put("app/s/large", "x".repeat(200_000), first);
    await first.stop();
    const path = `${other.path}/app/s/large.arrow`;
    const bytes = readFileSync(path);
    bytes[100_000]! ^= 1;
    writeFileSync(path, bytes);
    const second = await startInProcess(other.path);
    await expect(locations("app/s/large", "1", second)).rejects.toMatchObject({ code: "OBJECT_CORRUPT" });
    await second.stop();
    other.remove();
  });
});

describe("any other client", () => {
  it.each([undefined, "0", "", "yes"])("that sends %j is told the endpoint only", async (header) => {
    await put("app/s/plain", "value");
    expect(await locations("app/s/plain", header)).toEqual([server.endpoint]);
    expect(opaqueRows(await server.client.get("app/s/plain"))).toMatchObject([{ data: "value" }]);
  });
});

describe("a connection from this host", () => {
  it.each([
    ["127.0.0.1", "127.0.0.1", true],
    ["127.1.2.3", "127.0.0.1", true],
    ["::1", "::1", true],
    ["::ffff:127.0.0.1", "::ffff:127.0.0.1", true],
    ["192.0.2.7", "192.0.2.7", true],
    ["192.0.2.8", "192.0.2.7", false],
    ["1127.0.0.1", "192.0.2.7", false],
    [undefined, undefined, false],
  ])("is told by the addresses %s and %s: %s", (remoteAddress, localAddress, expected) => {
    expect(isOwnAddress({ remoteAddress, localAddress })).toBe(expected);
  });
});
