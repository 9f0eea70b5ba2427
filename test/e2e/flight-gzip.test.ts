/**
 * Calls whose messages come compressed by gzip, as Go and Rust clients send them when they are told to.
 */
import { once } from "node:events";
import { type ClientHttp2Session, connect, type IncomingHttpHeaders } from "node:http2";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { encodeAction, encodeTicket } from "../../src/flight/messages.ts";
import { FLIGHT_METHODS } from "../../src/flight/methods.ts";
import { opaqueRows, pathDescriptor, putMessages, valuePut } from "../support/flight-messages.ts";
import { type InProcessServer, startInProcess } from "../support/in-process-server.ts";
import { goldenStream, splitStream } from "../unit/arrow/golden.ts";

let server: InProcessServer;
let session: ClientHttp2Session;

beforeAll(async () => {
  server = await startInProcess();
  session = connect(server.endpoint.replace("grpc:", "http:"));
});

afterAll(async () => {
  session.destroy();
  await server.stop();
});

function compressed(message: Uint8Array): Buffer {
  const body = gzipSync(message);
  const prefix = Buffer.from([1, 0, 0, 0, 0]);
  prefix.writeUInt32BE(body.length, 1);
  return Buffer.concat([prefix, body]);
}

/** Sends messages and gives the status. */
async function statusOf(path: string, messages: readonly Uint8Array[], encoding = "gzip"): Promise<string> {
  const stream = session.request({
    ":method": "POST",
    ":path": path,
    "content-type": "application/grpc",
    te: "trailers",
    "grpc-encoding": encoding,
  });
  const found: IncomingHttpHeaders = {};
  stream.on("response", (headers) => Object.assign(found, headers));
  stream.on("trailers", (headers) => Object.assign(found, headers));
  stream.on("error", () => undefined);
  stream.resume();
  stream.end(Buffer.concat(messages));
  await once(stream, "close");
  return `${found["grpc-status"]}`;
}

const { DoPut, DoGet, DoAction } = FLIGHT_METHODS;

describe("a put of compressed messages", () => {
  it("of a value of many megabytes comes back as it was", async () => {
    const value = Buffer.alloc(20_000_000, "0123456789");
    const messages = valuePut(pathDescriptor("app/gzip/value"), value).map(compressed);
    expect(await statusOf(DoPut.path, messages)).toBe("0");
    const [row] = opaqueRows(await server.client.get("app/gzip/value"));
    expect(row?.data === value.toString()).toBe(true);
  });

  it("of a table comes back as it was", async () => {
    const [schema, ...batches] = splitStream(goldenStream("dictionaries"));
    const messages = putMessages(pathDescriptor("app/gzip/table"), schema!.header, batches).map(compressed);
    expect(await statusOf(DoPut.path, messages)).toBe("0");
    const received = await server.client.get("app/gzip/table");
    expect(received.slice(1).map(({ body }) => body.toString("hex"))).toEqual(
      batches.map(({ body }) => body.toString("hex")),
    );
  });

  it.each([
    [
      "in its compressed bytes",
      (messages: Buffer[]) => [...messages.slice(0, -1), messages.at(-1)!.subarray(0, -20)],
    ],
    [
      "in what it inflates to",
      (messages: Buffer[], last: Buffer) => [...messages.slice(0, -1), compressed(last.subarray(0, -5))],
    ],
  ])("that is cut short %s is refused and leaves nothing", async (_, cut) => {
    const plain = valuePut(pathDescriptor("app/gzip/cut"), Buffer.alloc(100_000, "cut"));
    expect(await statusOf(DoPut.path, cut(plain.map(compressed), plain.at(-1)!))).toBe("3");
    await expect(server.client.get("app/gzip/cut")).rejects.toMatchObject({ code: "OBJECT_NOT_FOUND" });
  });

  it("by another encoding is UNIMPLEMENTED", async () => {
    const messages = valuePut(pathDescriptor("app/gzip/other"), "value").map(compressed);
    expect(await statusOf(DoPut.path, messages, "zstd")).toBe("12");
  });
});

describe("compressed requests of other methods", () => {
  it("are understood", async () => {
    const put = compressed(encodeAction({ type: "UPDATE", body: Buffer.from("app/gzip/action:dmFsdWU=") }));
    expect(await statusOf(DoAction.path, [put])).toBe("0");
    expect(await statusOf(DoGet.path, [compressed(encodeTicket(Buffer.from("app/gzip/action")))])).toBe("0");
  });
});
