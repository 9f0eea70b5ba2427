/**
 * When a client asks its server for a sign of life, when it gives up, and what it says of streams that just end.
 *
 * The first part has a clock of its own; the rest has servers that are really silent.
 */
import { once } from "node:events";
import {
  type ClientHttp2Session,
  constants,
  createServer as createHttp2,
  createSecureServer as createSecureHttp2,
  type Http2SecureServer,
  type Http2Server,
  type ServerHttp2Session,
} from "node:http2";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { GrpcClient } from "../../../src/grpc/client.ts";
import { ClientKeepalive, type KeepaliveOptions } from "../../../src/grpc/client-keepalive.ts";
import { LIMITS } from "../../../src/limits.ts";
import { selfSignedCertificate } from "../../support/certificate.ts";
import { clientOf } from "../../support/grpc-peers.ts";
import { JavaKeepAliveEnforcer } from "../../support/ping-strikes.ts";
import { Random } from "../../support/random.ts";

type Answer = (error: Error | null) => void;

/** A connection that counts PINGs; they are answered when the test says so. */
class Watched {
  pings = 0;
  readonly #unanswered: Answer[] = [];
  readonly destroy = vi.fn();
  readonly destroySocket = vi.fn();
  bytesRead = 0;
  readonly keepalive: ClientKeepalive;

  constructor(options: KeepaliveOptions = {}) {
    const watched = this;
    const session = {
      destroyed: false,
      ping: (answer: Answer) => {
        this.pings++;
        this.#unanswered.push(answer);
      },
      destroy: this.destroy,
    };
    const socket = {
      get bytesRead() {
        return watched.bytesRead;
      },
      setKeepAlive: () => undefined,
      destroy: this.destroySocket,
    };
    this.keepalive = new ClientKeepalive(
      session as unknown as ClientHttp2Session,
      socket as unknown as Socket,
      options,
    );
    this.keepalive.start();
  }

  answer(): void {
    for (const answer of this.#unanswered.splice(0)) {
      this.bytesRead += 17;
      answer(null);
    }
  }

  /** Lets time pass while each PING is answered at once. */
  passAnswering(milliseconds: number): void {
    for (let passed = 0; passed < milliseconds; passed += 100) {
      vi.advanceTimersByTime(100);
      this.answer();
    }
  }
}

const INTERVAL_MS = LIMITS.clientKeepaliveIntervalMs;
const TIMEOUT_MS = LIMITS.clientKeepaliveTimeoutMs;

describe("a connection with open calls", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  /** Lets time pass, and the turn of the event loop behind it. */
  const pass = (milliseconds: number) => vi.advanceTimersByTime(milliseconds + 1);

  it("asks a server that was silent for an interval, and is over when no answer comes", () => {
    const watched = new Watched();
    pass(INTERVAL_MS);
    expect(watched.pings).toBe(1);
    expect(watched.destroy).not.toHaveBeenCalled();
    pass(TIMEOUT_MS);
    expect(watched.destroy.mock.lastCall?.[0]).toMatchObject({ code: "UNREACHABLE" });
    expect(watched.destroySocket).toHaveBeenCalledOnce();
  });

  it("notices a server that is gone within 5 seconds, wherever in the round it went", () => {
    for (let at = 0; at < 10_000; at += 100) {
      const watched = new Watched({ burstMax: Number.POSITIVE_INFINITY });
      watched.passAnswering(at);
      vi.advanceTimersByTime(5000);
      expect(watched.destroy, `gone after ${at} ms`).toHaveBeenCalledOnce();
    }
  });

  it("asks nothing while bytes come", () => {
    const watched = new Watched();
    for (let i = 0; i < 20; i++) {
      watched.bytesRead++;
      pass(INTERVAL_MS);
    }
    expect(watched.pings).toBe(0);
  });

  it("takes any byte for a sign of life", () => {
    const watched = new Watched();
    pass(INTERVAL_MS);
    watched.bytesRead++;
    pass(TIMEOUT_MS);
    expect(watched.destroy).not.toHaveBeenCalled();
  });

  it("asks twice in a row and then minutes apart, and once more on a connection of minutes", () => {
    const watched = new Watched();
    watched.passAnswering(60_000);
    expect(watched.pings).toBe(2);
    watched.passAnswering(LIMITS.clientKeepaliveSlowIntervalMs);
    expect(watched.pings).toBe(3);
    watched.passAnswering(LIMITS.clientKeepaliveSlowIntervalMs);
    expect(watched.pings).toBe(4);
    watched.keepalive.received();
    watched.passAnswering(60_000);
    expect(watched.pings).toBe(7);
    expect(watched.destroy).not.toHaveBeenCalled();
  });

  it("counts a PING under way when data comes, because the server counts it after its data", () => {
    const watched = new Watched();
    pass(INTERVAL_MS);
    watched.keepalive.received();
    watched.passAnswering(60_000);
    expect(watched.pings).toBe(2);
  });

  it.each([1, 2, 3])("is not cut off by a server that counts as grpc-java does, with seed %d", (seed) => {
    const random = new Random(seed);
    const watched = new Watched();
    const server = new JavaKeepAliveEnforcer();
    for (let round = 0; round < 40; round++) {
      for (let quiet = random.below(4000); quiet > 0; quiet--) {
        vi.advanceTimersByTime(100);
        server.take(watched.pings);
        watched.answer();
      }
      server.sendsData();
      watched.keepalive.received();
    }
    expect(watched.pings).toBeGreaterThan(10);
    expect(server.strikesMax).toBe(2);
  });

  it("does not judge a server by the time its own event loop was blocked", () => {
    const watched = new Watched();
    pass(INTERVAL_MS);
    vi.setSystemTime(Date.now() + 60_000);
    const now = performance.now() + 60_000;
    vi.spyOn(performance, "now").mockReturnValue(now);
    pass(TIMEOUT_MS);
    vi.mocked(performance.now).mockRestore();
    expect(watched.destroy).not.toHaveBeenCalled();
    watched.answer();
    pass(TIMEOUT_MS);
    expect(watched.destroy).not.toHaveBeenCalled();
  });

  it("asks nothing after it was stopped", () => {
    const watched = new Watched();
    watched.keepalive.stop();
    pass(10 * INTERVAL_MS);
    expect(watched.pings).toBe(0);
  });
});

const QUICK = { intervalMs: 20, timeoutMs: 40, burstMax: Number.POSITIVE_INFINITY };

/** Takes connections and what comes on them, and says nothing. */
async function silentServer(): Promise<{ port: number; sockets: Socket[] }> {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    sockets.push(socket.resume());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, sockets };
}

describe("a server that is silent", () => {
  it("is UNREACHABLE for every call of the connection, which is closed", async () => {
    const { port, sockets } = await silentServer();
    const client = new GrpcClient({ host: "127.0.0.1", port, keepalive: QUICK });
    onTestFinished(() => client.close());
    const calls = [1, 2, 3].map(() => client.unary("/test.Echo/Unary", Buffer.alloc(1)));
    const gone = { code: "UNREACHABLE", status: "UNAVAILABLE", retryable: true };
    for (const call of calls) await expect(call).rejects.toMatchObject(gone);
    expect(client.openCalls).toBe(0);
    await vi.waitFor(() => expect(sockets.every((socket) => socket.destroyed)).toBe(true));
    expect(sockets).toHaveLength(1);
  });

  it("is given up while it should be making TLS", async () => {
    const { port } = await silentServer();
    const ca = selfSignedCertificate().cert;
    const client = new GrpcClient({ host: "127.0.0.1", port, tls: { ca }, connectTimeoutMs: 50 });
    onTestFinished(() => client.close());
    await expect(client.unary("/test.Echo/Unary", Buffer.alloc(1))).rejects.toMatchObject({
      code: "UNREACHABLE",
      message: expect.stringContaining("could not connect to 127.0.0.1"),
    });
  });

  it.each(["without", "with"])("keeps its calls while it answers PINGs, %s TLS", async (how) => {
    const certificate = selfSignedCertificate();
    const [server, tls] =
      how === "with"
        ? [createSecureHttp2({ ...certificate }), { tls: { ca: certificate.cert } }]
        : [createHttp2(), {}];
    let pings = 0;
    server.on("session", (session) => session.on("ping", () => pings++));
    const port = await listening(server);
    const client = new GrpcClient({ host: "127.0.0.1", port, keepalive: QUICK, ...tls });
    onTestFinished(() => client.close());
    const call = client.open("/test.Echo/Hang");
    await vi.waitFor(() => expect(pings).toBeGreaterThan(5));
    expect(call.isOver).toBe(false);
    call.cancel();
  });
});

describe("a stream that the server ends", () => {
  it("without a status is an error, and the connection stays", async () => {
    const server = createHttp2();
    server.on("stream", (stream) => {
      stream.respond({ ":status": 200, "content-type": "application/grpc" });
      stream.end();
    });
    const client = clientOf({ port: await listening(server) });
    await expect(client.unary("/test.Echo/Unary", Buffer.alloc(1))).rejects.toMatchObject({
      status: "INTERNAL",
      message: expect.stringContaining("without a status"),
    });
  });

  it.each([
    [constants.NGHTTP2_REFUSED_STREAM, "UNAVAILABLE"],
    [constants.NGHTTP2_INTERNAL_ERROR, "INTERNAL"],
    [constants.NGHTTP2_CANCEL, "CANCELLED"],
  ])("by a reset with %d tells %s, and the connection stays", async (code, status) => {
    const server = createHttp2();
    let sessions = 0;
    server.on("session", () => sessions++);
    server.on("stream", (stream) => {
      stream.on("error", () => undefined);
      stream.close(code);
    });
    const client = clientOf({ port: await listening(server) });
    for (let i = 0; i < 3; i++) {
      await expect(client.unary("/test.Echo/Unary", Buffer.alloc(1))).rejects.toMatchObject({ status });
    }
    expect(sessions).toBe(1);
  });
});

/** Listens on a free port until the test is over. */
async function listening(server: Http2Server | Http2SecureServer): Promise<number> {
  const sessions: ServerHttp2Session[] = [];
  server.on("session", (session) => sessions.push(session));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    for (const session of sessions) session.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}
