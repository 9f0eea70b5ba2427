/**
 * Stopping a server.
 *
 * Calls finish or are told, idle connections do not hold it up, and each address that was listened on is free again.
 */
import { EventEmitter, once } from "node:events";
import { connect as connectTcp } from "node:net";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import type { CallHandler } from "../../../src/grpc/call.ts";
import { GrpcServer } from "../../../src/grpc/server.ts";
import { LIMITS } from "../../../src/limits.ts";
import { clientOf, http2Of, serve } from "../../support/grpc-peers.ts";

const REQUEST = Buffer.from("request");

async function millisecondsOf(work: Promise<void>): Promise<number> {
  const before = performance.now();
  await work;
  return performance.now() - before;
}

describe("closing a server", () => {
  it("is done at once when nobody is connected, and may be asked for again", async () => {
    const { server } = await serve();
    expect(await millisecondsOf(server.close())).toBeLessThan(100);
    await server.close();
  });

  it("does not wait for idle connections", async () => {
    const served = await serve();
    const session = http2Of(served);
    await once(session, "remoteSettings");
    expect(served.server.sessions).toBe(1);
    expect(await millisecondsOf(served.server.close())).toBeLessThan(LIMITS.closeGraceMs);
    expect(served.server.sessions).toBe(0);
  });

  it("cuts connections that do not say goodbye", async () => {
    const served = await serve();
    const socket = connectTcp({ port: served.port, host: "127.0.0.1", allowHalfOpen: true });
    onTestFinished(() => void socket.destroy());
    socket.on("error", () => undefined);
    await once(socket, "data");
    await served.server.close();
    expect(served.server.sessions).toBe(0);
  });

  it("lets calls under way finish, and takes no new ones", async () => {
    const released = new EventEmitter();
    const slow: CallHandler = async (call) => {
      await once(released, "now");
      await call.write([REQUEST]);
    };
    const served = await serve({ "/test.Echo/Slow": slow });
    const client = clientOf(served);
    const answer = client.unary("/test.Echo/Slow", REQUEST);
    await vi.waitFor(() => expect(served.server.openCalls).toBe(1));
    const closed = served.server.close();
    await expect(clientOf(served).unary("/test.Echo/Unary", REQUEST)).rejects.toMatchObject({
      status: "UNAVAILABLE",
    });
    released.emit("now");
    expect(await answer).toEqual(REQUEST);
    await closed;
  });

  it("ends calls that outlast the drain time with SHUTTING_DOWN, on both sides", async () => {
    const served = await serve({}, { drainTimeoutMs: 50 });
    const failed = expect(clientOf(served).unary("/test.Echo/Hang", REQUEST)).rejects.toMatchObject({
      code: "SHUTTING_DOWN",
    });
    await vi.waitFor(() => expect(served.server.openCalls).toBe(1));
    await served.server.close();
    await failed;
    expect(served.server.openCalls).toBe(0);
  });

  it("does not wait for ever for a handler that does not listen", async () => {
    const released = new EventEmitter();
    const deaf: CallHandler = async () => void (await once(released, "now"));
    const served = await serve({ "/test.Echo/Deaf": deaf }, { drainTimeoutMs: 10 });
    const failed = expect(clientOf(served).unary("/test.Echo/Deaf", REQUEST)).rejects.toMatchObject({
      code: "SHUTTING_DOWN",
    });
    await vi.waitFor(() => expect(served.server.openCalls).toBe(1));
    await served.server.close();
    await failed;
    released.emit("now");
  });

  it("frees its addresses", async () => {
    const { server, port } = await serve();
    await server.close();
    const next = new GrpcServer({ methods: new Map() });
    expect((await next.listen("127.0.0.1", port)).port).toBe(port);
    await next.close();
  });
});

describe("listening", () => {
  it("serves several addresses at once", async () => {
    const { server, port } = await serve();
    const second = await server.listen("127.0.0.1", 0);
    for (const each of [port, second.port]) {
      expect(await clientOf({ port: each }).unary("/test.Echo/Unary", REQUEST)).toEqual(REQUEST);
    }
    expect(server.sessions).toBe(2);
  });

  it("rejects with the system's error when the address is taken", async () => {
    const { server, port } = await serve();
    await expect(server.listen("127.0.0.1", port)).rejects.toMatchObject({ code: "EADDRINUSE" });
  });
});
