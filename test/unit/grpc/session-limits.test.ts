/**
 * Bounds on connections and on what one connection may hold, with small numbers in place of the real ones.
 *
 * Also the watch over silent connections.
 */
import { EventEmitter, once } from "node:events";
import { connect as connectHttp2 } from "node:http2";
import { connect, type Socket } from "node:net";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import type { CallHandler } from "../../../src/grpc/call.ts";
import { LIMITS } from "../../../src/limits.ts";
import { http2Peer } from "../../support/attack.ts";
import { clientOf, closed, http2Of, type Served, serve } from "../../support/grpc-peers.ts";
import { callHeaders, reset } from "../../support/http2-frames.ts";
import { settled } from "../../support/settled.ts";

vi.mock("../../../src/limits.ts", async (original) => {
  const { LIMITS } = await original<typeof import("../../../src/limits.ts")>();
  return {
    LIMITS: {
      ...LIMITS,
      connectionsMax: 3,
      connectionsPeerShare: 1,
      streamsPerSessionMax: 5,
      keepaliveIntervalMs: 200,
      keepaliveTimeoutMs: 100,
      closeGraceMs: 100,
      resetsPerSecondMax: 2000,
    },
  };
});

const REQUEST = Buffer.from("request");
const HANGING_CALL = {
  ":method": "POST",
  ":path": "/test.Echo/Hang",
  "content-type": "application/grpc",
  te: "trailers",
};

function tcpOf({ port }: Served): Socket {
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => undefined);
  onTestFinished(() => void socket.destroy());
  return socket;
}

describe("the number of connections", () => {
  it("is bounded over all addresses: the longest idle one gives way to one more", async () => {
    const served = await serve();
    const second = await served.server.listen("127.0.0.1", 0);
    const sessions = [http2Of(served), http2Of(served), http2Of(served)];
    for (const session of sessions) await once(session, "remoteSettings");
    const gone = closed(sessions[0]!);
    await once(http2Of(second), "remoteSettings");
    await gone;
    expect(sessions.map(({ destroyed }) => destroyed)).toEqual([true, false, false]);
    expect(served.server.sessions).toBe(3);
  });

  it("is bounded by refusing one more while all have calls", async () => {
    const served = await serve();
    const sessions = [http2Of(served), http2Of(served), http2Of(served)];
    const calls = sessions.map((session) => {
      const stream = session.request(HANGING_CALL);
      stream.on("error", () => undefined);
      return stream;
    });
    await vi.waitFor(() => expect(served.server.openCalls).toBe(3));
    const refused = tcpOf(served);
    refused.resume();
    await closed(refused);
    expect(served.server.sessions).toBe(3);
    for (const call of calls) call.close();
  });

  it("leaves room again when one has gone", async () => {
    const served = await serve();
    const sessions = [http2Of(served), http2Of(served), http2Of(served)];
    for (const session of sessions) await once(session, "remoteSettings");
    sessions[0]?.destroy();
    await vi.waitFor(() => expect(served.server.sessions).toBe(2));
    expect(await clientOf(served).unary("/test.Echo/Unary", REQUEST)).toEqual(REQUEST);
  });
});

describe("the number of calls on a connection", () => {
  it("is announced, and what is more waits at the client", async () => {
    const released = new EventEmitter();
    const slow: CallHandler = async (call) => {
      await once(released, "now");
      await call.write([REQUEST]);
    };
    const served = await serve({ "/test.Echo/Slow": slow });
    const client = clientOf(served);
    await client.unary("/test.Echo/Unary", REQUEST);
    const answers = Array.from({ length: 5 }, () => client.unary("/test.Echo/Slow", REQUEST));
    await vi.waitFor(() => expect(served.server.openCalls).toBe(5));
    const waiting = client.unary("/test.Echo/Unary", REQUEST);
    expect(await settled(() => served.server.openCalls)).toBe(5);
    released.emit("now");
    expect(await Promise.all([...answers, waiting])).toEqual(Array(6).fill(REQUEST));
  });

  it("is enforced on a client that did not wait for the announcement", async () => {
    const served = await serve();
    const session = http2Of(served, { peerMaxConcurrentStreams: 1000 });
    const refused = Array.from({ length: 20 }, () => {
      const stream = session.request(HANGING_CALL);
      stream.on("error", () => undefined);
      return closed(stream);
    });
    await Promise.race(refused);
    expect(served.server.openCalls).toBeLessThanOrEqual(5);
    // From within a frame of its own, node 20 would spin for ever.
    setImmediate(() => session.destroy());
    await Promise.all(refused);
  });
});

describe("a busy connection", () => {
  it("may send a PING for each message it gets, however many", async () => {
    const served = await serve();
    const session = http2Of(served);
    const headers = {
      ":method": "POST",
      ":path": "/test.Echo/Bidi",
      "content-type": "application/grpc",
      te: "trailers",
    };
    const stream = session.request(headers);
    for (let i = 0; i < 3 * LIMITS.pingsPerSecondMax; i++) {
      stream.write(Buffer.from([0, 0, 0, 0, 1, 7]));
      await once(stream, "data");
      await new Promise<void>((resolve) => void session.ping(() => resolve()));
    }
    expect(session.destroyed).toBe(false);
    stream.end();
    await closed(stream.resume());
  });
});

describe("a silent connection", () => {
  it("is closed also when the library has given it up and says nothing", async () => {
    const served = await serve();
    const peer = await http2Peer(served.port);
    // nghttp2 stops a session on its own after 1000 resets; node 20 then leaves it lying about.
    await peer.flood(1500, (i) =>
      Buffer.concat([callHeaders(2 * i + 1, "/test.Echo/Hang"), reset(2 * i + 1)]),
    );
    peer.socket.resume();
    await peer.closed();
    await vi.waitFor(() => expect(served.server.sessions).toBe(0));
  });

  it("is closed when it does not answer a PING", async () => {
    const served = await serve();
    const socket = tcpOf(served);
    socket.resume();
    await closed(socket);
    await vi.waitFor(() => expect(served.server.sessions).toBe(0));
  });

  it("stays when it answers", async () => {
    const served = await serve();
    const session = connectHttp2(`http://127.0.0.1:${served.port}`);
    onTestFinished(() => session.destroy());
    await once(session, "ping");
    await once(session, "ping");
    expect(served.server.sessions).toBe(1);
    expect(session.destroyed).toBe(false);
  });
});
