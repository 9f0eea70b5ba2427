/**
 * Calls of every kind between our server and our client, over loopback.
 *
 * What they carry, how they end, and that an end on one side is seen on the other.
 */
import { EventEmitter, once } from "node:events";
import { describe, expect, it, vi } from "vitest";
import { CacheError } from "../../../src/errors.ts";
import type { ServerCall } from "../../../src/grpc/call.ts";
import type { ClientCall } from "../../../src/grpc/client-call.ts";
import { MESSAGE_BYTES_MAX } from "../../support/echo-methods.ts";
import { clientOf, serve } from "../../support/grpc-peers.ts";

const REQUEST = Buffer.from("request");

async function answersOf(call: ClientCall): Promise<Buffer[]> {
  const answers: Buffer[] = [];
  for (let message = await call.responses.next(); message !== null; message = await call.responses.next()) {
    answers.push(await message.collect(MESSAGE_BYTES_MAX));
  }
  return answers;
}

async function sent(call: ClientCall, ...messages: Buffer[]): Promise<ClientCall> {
  for (const message of messages) await call.write([message]);
  call.endRequests();
  return call;
}

describe("a unary call", () => {
  it.each([0, 1, 4091, 4092, 65_536, 3_000_000])("brings %d bytes there and back", async (sizeBytes) => {
    const client = clientOf(await serve());
    const request = Buffer.alloc(sizeBytes, "abc");
    expect(request.equals(await client.unary("/test.Echo/Unary", request))).toBe(true);
  });

  it("carries metadata there and trailers back, text and binary", async () => {
    const client = clientOf(await serve());
    const bytes = Buffer.from([0, 1, 254, 255]);
    const call = client.open("/test.Echo/Unary", { metadata: { "x-echo": "a b", "x-echo-bin": bytes } });
    expect(await answersOf(await sent(call, REQUEST))).toEqual([REQUEST]);
    expect(call.trailers?.get("x-echo")).toBe("a b");
    expect(call.trailers?.getBinary("x-echo-bin")).toEqual(bytes);
    expect(call.headers?.get("grpc-accept-encoding")).toBe("identity,gzip");
  });

  it("shows the handler its path and peer", async () => {
    const seen: string[] = [];
    const served = await serve({
      "/test.Echo/Look": (call) => {
        seen.push(call.path, call.peer);
        return call.write([]) ?? Promise.resolve();
      },
    });
    await clientOf(served).unary("/test.Echo/Look", REQUEST);
    expect(seen).toEqual(["/test.Echo/Look", expect.stringMatching(/^ipv4:127\.0\.0\.1:\d+$/)]);
  });

  it("is refused without a message, and with more than one", async () => {
    const client = clientOf(await serve());
    const none = sent(client.open("/test.Echo/Unary"));
    await expect(answersOf(await none)).rejects.toMatchObject({ code: "INVALID_REQUEST" });
    const two = sent(client.open("/test.Echo/Unary"), REQUEST, REQUEST);
    await expect(answersOf(await two)).rejects.toMatchObject({ code: "INVALID_REQUEST" });
  });

  it("runs beside a thousand others", async () => {
    const client = clientOf(await serve());
    const requests = Array.from({ length: 1000 }, (_, i) => Buffer.from(`request ${i}`));
    expect(await Promise.all(requests.map((each) => client.unary("/test.Echo/Unary", each)))).toEqual(
      requests,
    );
  });
});

describe("streams", () => {
  it("bring many messages from the server", async () => {
    const client = clientOf(await serve());
    const call = client.open("/test.Echo/ServerStream", { metadata: { "x-count": "500" } });
    expect(await answersOf(await sent(call, REQUEST))).toEqual(Array(500).fill(REQUEST));
  });

  it("bring no message and status OK", async () => {
    const client = clientOf(await serve());
    expect(await answersOf(await sent(client.open("/test.Echo/ServerStream"), REQUEST))).toEqual([]);
  });

  it("bring many messages from the client", async () => {
    const client = clientOf(await serve());
    const call = client.open("/test.Echo/ClientStream");
    expect(await answersOf(await sent(call, ...Array<Buffer>(500).fill(REQUEST)))).toEqual([REQUEST]);
    expect(call.trailers?.get("x-count")).toBe("500");
    expect(call.trailers?.get("x-size-bytes")).toBe(String(500 * REQUEST.length));
  });

  it("answer each message before the next one is sent", async () => {
    const call = clientOf(await serve()).open("/test.Echo/Bidi");
    for (const text of ["one", "two", "three"]) {
      await call.write([Buffer.from(text)]);
      const answer = await call.responses.next();
      expect((await answer?.collect(10))?.toString()).toBe(text);
    }
    call.endRequests();
    expect(await call.responses.next()).toBeNull();
  });

  it("carry a message in pieces", async () => {
    const served = await serve({
      "/test.Echo/Pieces": async (call) => {
        await call.startMessage(10, [Buffer.from("abc")]);
        await call.writePiece(Buffer.from("defg"));
        await call.writePiece(Buffer.from("hij"));
      },
    });
    expect(String(await clientOf(served).unary("/test.Echo/Pieces", REQUEST))).toBe("abcdefghij");
  });
});

describe("a call that fails", () => {
  it.each(["0", "1", "20"])("delivers the %s messages before its error, then the error", async (count) => {
    const client = clientOf(await serve());
    const metadata = {
      "x-count": count,
      "x-code": "OBJECT_NOT_FOUND",
      "x-text": "nothing: 100 percent",
      "x-echo": "e",
    };
    const call = await sent(client.open("/test.Echo/Fail", { metadata }), REQUEST);
    for (let i = 0; i < Number(count); i++)
      expect(await (await call.responses.next())?.collect(10)).toEqual(REQUEST);
    await expect(call.responses.next()).rejects.toEqual(
      new CacheError("OBJECT_NOT_FOUND", "nothing: 100 percent"),
    );
    expect(call.trailers?.get("x-echo")).toBe("e");
  });

  it("tells nothing of a programmer's mistake but an id", async () => {
    const failed = clientOf(await serve()).unary("/test.Echo/Fail", REQUEST);
    await expect(failed).rejects.toMatchObject({
      status: "INTERNAL",
      message: expect.stringMatching(/^internal error \([0-9a-f]{12}\)$/),
    });
  });

  it.each([
    ["leaves a message unfinished", async (call: ServerCall) => void (await call.startMessage(10, []))],
    [
      "writes more than it declared",
      async (call: ServerCall) => void (await call.startMessage(1, [REQUEST])),
    ],
    [
      "begins a message inside another",
      async (call: ServerCall) => {
        await call.startMessage(10, []);
        await call.write([]);
      },
    ],
    ["sends a trailer that cannot travel", async (call: ServerCall) => call.setTrailer("x", "line\nbreak")],
  ])("is an internal error when its handler %s", async (_, handler) => {
    const failed = clientOf(await serve({ "/test.Echo/Wrong": handler })).unary("/test.Echo/Wrong", REQUEST);
    await expect(failed).rejects.toMatchObject({ status: "INTERNAL" });
  });

  it("is UNIMPLEMENTED for a path nobody serves", async () => {
    const failed = clientOf(await serve()).unary("/test.Echo/None", REQUEST);
    await expect(failed).rejects.toMatchObject({ code: "NOT_IMPLEMENTED" });
  });

  it("answers in the middle of an upload, and the client stops sending", async () => {
    const client = clientOf(await serve());
    const call = client.open("/test.Echo/Refuse");
    const piece = Buffer.alloc(1024 * 1024);
    const upload = async () => {
      await call.startMessage(2 ** 32 - 1, []);
      for (;;) await call.writePiece(piece);
    };
    await expect(upload()).rejects.toMatchObject({ code: "STORAGE_FULL" });
    await expect(call.responses.next()).rejects.toMatchObject({ code: "STORAGE_FULL" });
  });

  it("may still answer after the client has closed its side", async () => {
    const released = new EventEmitter();
    const served = await serve({
      "/test.Echo/Late": async (call) => {
        await call.requests.next();
        await once(released, "now");
        await call.write([REQUEST]);
      },
    });
    const answer = clientOf(served).unary("/test.Echo/Late", Buffer.alloc(0));
    await vi.waitFor(() => expect(served.server.openCalls).toBe(1));
    released.emit("now");
    expect(await answer).toEqual(REQUEST);
  });
});
