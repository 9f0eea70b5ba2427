/**
 * Ways a call ends before its handler does: deadline, cancellation, a client that is gone.
 *
 * The handler learns it by its signal, its reader and its writer; the client by its status; nothing stays behind.
 */
import { EventEmitter, once } from "node:events";
import { describe, expect, it, vi } from "vitest";
import type { CallHandler, ServerCall } from "../../../src/grpc/call.ts";
import { hang } from "../../support/echo-methods.ts";
import { clientOf, http2Of, type Served, serve } from "../../support/grpc-peers.ts";

const REQUEST = Buffer.from("request");
const PIECE = Buffer.alloc(1024 * 1024);

/** A method that hands its call out, does `work`, and tells how that ended. */
function watched(work: CallHandler): {
  call: Promise<ServerCall>;
  outcome: Promise<unknown>;
  handler: CallHandler;
} {
  const events = new EventEmitter();
  const first = async (name: string) => (await once(events, name))[0];
  return {
    call: first("call"),
    outcome: first("outcome"),
    handler: async (call) => {
      events.emit("call", call);
      try {
        await work(call);
        events.emit("outcome", "done");
      } catch (error) {
        events.emit("outcome", error);
        throw error;
      }
    },
  };
}

/** Sends without end, waiting whenever it has to. */
const sendForever: CallHandler = async (call) => {
  for (;;) await call.write([PIECE]);
};

const readForever: CallHandler = async (call) => {
  for (let message = await call.requests.next(); message !== null; message = await call.requests.next()) {
    await message.collect(PIECE.length);
  }
};

const openCallsOf = (served: Served, count: number) =>
  vi.waitFor(() => expect(served.server.openCalls).toBe(count));

describe("a deadline", () => {
  it("ends a handler that waits, and the client is told", async () => {
    const work = watched(hang);
    const client = clientOf(await serve({ "/test.Echo/Watched": work.handler }));
    await client.unary("/test.Echo/Unary", REQUEST);
    const failed = client.unary("/test.Echo/Watched", REQUEST, { timeoutMs: 100 });
    await expect(failed).rejects.toMatchObject({ code: "DEADLINE_EXCEEDED" });
    expect(await work.outcome).toMatchObject({ code: expect.stringMatching("DEADLINE_EXCEEDED|CANCELLED") });
  });

  it("is kept by the server for a client that does not look at the time", async () => {
    const work = watched(hang);
    const served = await serve({ "/test.Echo/Watched": work.handler });
    const stream = http2Of(served).request({
      ":method": "POST",
      ":path": "/test.Echo/Watched",
      "content-type": "application/grpc",
      te: "trailers",
      "grpc-timeout": "20m",
    });
    const [headers] = await once(stream, "response");
    expect(headers).toMatchObject({ "grpc-status": "4" });
    expect(await work.outcome).toMatchObject({ code: "DEADLINE_EXCEEDED" });
  });

  it("ends a handler that sends to a client that does not read", async () => {
    const work = watched(sendForever);
    const served = await serve({ "/test.Echo/Watched": work.handler });
    const stream = http2Of(served).request({
      ":method": "POST",
      ":path": "/test.Echo/Watched",
      "content-type": "application/grpc",
      te: "trailers",
      "grpc-timeout": "100m",
    });
    stream.on("error", () => undefined);
    expect(await work.outcome).toMatchObject({ code: "DEADLINE_EXCEEDED" });
    await openCallsOf(served, 0);
  });

  it("ends a call whose answer is ready and not taken", async () => {
    const work = watched(async (call) => void call.write([PIECE, PIECE]));
    const served = await serve({ "/test.Echo/Watched": work.handler });
    const stream = http2Of(served).request({
      ":method": "POST",
      ":path": "/test.Echo/Watched",
      "content-type": "application/grpc",
      te: "trailers",
      "grpc-timeout": "100m",
    });
    stream.on("error", () => undefined);
    expect(await work.outcome).toBe("done");
    expect(served.server.openCalls).toBe(1);
    await openCallsOf(served, 0);
  });

  it("does nothing when the call was faster", async () => {
    const served = await serve();
    const answer = await clientOf(served).unary("/test.Echo/Unary", REQUEST, { timeoutMs: 60_000 });
    expect(answer).toEqual(REQUEST);
    await openCallsOf(served, 0);
  });

  it("ends the call even when the handler does not listen, and the handler may end later", async () => {
    const released = new EventEmitter();
    const work = watched(async (call) => {
      await once(released, "now");
      await call.write([REQUEST]);
    });
    const served = await serve({ "/test.Echo/Watched": work.handler });
    const client = clientOf(served);
    await client.unary("/test.Echo/Unary", REQUEST);
    const failed = client.unary("/test.Echo/Watched", REQUEST, { timeoutMs: 100 });
    await expect(failed).rejects.toMatchObject({ code: "DEADLINE_EXCEEDED" });
    const { signal } = await work.call;
    await vi.waitFor(() => expect(signal.aborted).toBe(true));
    expect(served.server.openCalls).toBe(1);
    released.emit("now");
    expect(await work.outcome).toMatchObject({ code: expect.stringMatching("DEADLINE_EXCEEDED|CANCELLED") });
    await openCallsOf(served, 0);
  });
});

describe("a client that leaves", () => {
  it.each([
    ["waits for its signal", hang],
    ["reads", readForever],
    ["sends and is held up", sendForever],
  ])("by cancelling ends a handler that %s", async (_, handler) => {
    const work = watched(handler);
    const served = await serve({ "/test.Echo/Watched": work.handler });
    const call = clientOf(served).open("/test.Echo/Watched");
    await call.write([REQUEST]);
    const { signal } = await work.call;
    call.cancel();
    expect(await work.outcome).toMatchObject({ code: "CANCELLED" });
    expect(signal.reason).toMatchObject({ code: "CANCELLED" });
    await expect(call.responses.next()).rejects.toMatchObject({ code: "CANCELLED" });
    await openCallsOf(served, 0);
  });

  it.each([
    ["waits for its signal", hang],
    ["reads", readForever],
    ["sends and is held up", sendForever],
  ])("without a word ends a handler that %s", async (_, handler) => {
    const work = watched(handler);
    const served = await serve({ "/test.Echo/Watched": work.handler });
    const client = clientOf(served);
    const call = client.open("/test.Echo/Watched");
    await call.write([REQUEST]);
    await work.call;
    await client.close();
    expect(await work.outcome).toMatchObject({ code: "CANCELLED" });
    await openCallsOf(served, 0);
    await vi.waitFor(() => expect(served.server.sessions).toBe(0));
  });

  it("by its signal is told CANCELLED with its own reason", async () => {
    const served = await serve();
    const abort = new AbortController();
    const failed = clientOf(served).unary("/test.Echo/Hang", REQUEST, { signal: abort.signal });
    await openCallsOf(served, 1);
    abort.abort(new Error("enough"));
    await expect(failed).rejects.toMatchObject({ code: "CANCELLED", cause: new Error("enough") });
    await openCallsOf(served, 0);
  });

  it("before the call began does not reach the handler", async () => {
    const served = await serve();
    const failed = clientOf(served).unary("/test.Echo/Unary", REQUEST, { signal: AbortSignal.abort() });
    await expect(failed).rejects.toMatchObject({ code: "CANCELLED" });
  });
});

describe("the signal of a call", () => {
  it("asked for late is already aborted", async () => {
    const work = watched(async (call) => {
      await expect(call.requests.next()).rejects.toMatchObject({ code: "CANCELLED" });
      expect(call.signal.aborted).toBe(true);
    });
    const served = await serve({ "/test.Echo/Watched": work.handler });
    const call = clientOf(served).open("/test.Echo/Watched");
    await work.call;
    call.cancel();
    expect(await work.outcome).toBe("done");
  });

  it("is not aborted by the end of a call that went well", async () => {
    const work = watched(async (call) => void (await call.write([call.signal.aborted ? PIECE : REQUEST])));
    const served = await serve({ "/test.Echo/Watched": work.handler });
    expect(await clientOf(served).unary("/test.Echo/Watched", REQUEST)).toEqual(REQUEST);
    await openCallsOf(served, 0);
    expect((await work.call).signal.aborted).toBe(false);
  });
});

describe("a client whose server is not there", () => {
  it("is told UNAVAILABLE, and connects again when the server is back", async () => {
    const served = await serve();
    const client = clientOf(served);
    await served.server.close();
    await expect(client.unary("/test.Echo/Unary", REQUEST)).rejects.toMatchObject({ status: "UNAVAILABLE" });
    const again = await serve();
    await expect(clientOf(again).unary("/test.Echo/Unary", REQUEST)).resolves.toEqual(REQUEST);
  });
});
