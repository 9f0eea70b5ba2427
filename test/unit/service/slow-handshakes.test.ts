/**
 * Connections that take long over their TLS handshake, or say nothing: they end at the deadline and take no honest client's place.
 *
 * The deadline and the number of connections are small here.
 */
import { once } from "node:events";
import { get } from "node:https";
import { connect, type Socket } from "node:net";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { openHttpServer } from "../../../src/service/http/open-http-server.ts";
import { selfSignedCertificate } from "../../support/certificate.ts";
import { closed, serve } from "../../support/grpc-peers.ts";

const HTTP_CONNECTIONS_MAX = 8;
vi.mock("../../../src/limits.ts", async (original) => {
  const { LIMITS } = await original<typeof import("../../../src/limits.ts")>();
  return { LIMITS: { ...LIMITS, tlsHandshakeTimeoutMs: 300, httpConnectionsMax: 8 } };
});

const CERTIFICATE = selfSignedCertificate();
/** The head of a TLS record of 16 KiB that begins a handshake. */
const RECORD_HEAD = Buffer.from([0x16, 0x03, 0x01, 0x40, 0x00]);

async function httpsServer(): Promise<number> {
  const server = openHttpServer(CERTIFICATE, (_, response) => response.end("answer"));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as { port: number }).port;
}

async function grpcServer(): Promise<number> {
  return (await serve({}, { tls: CERTIFICATE })).port;
}

async function socketTo(port: number): Promise<Socket> {
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => undefined);
  onTestFinished(() => void socket.destroy());
  await once(socket, "connect");
  return socket.resume();
}

async function answerOf(port: number): Promise<string> {
  const request = get({ host: "127.0.0.1", port, path: "/", ca: CERTIFICATE.cert, agent: false });
  const [response] = await once(request, "response");
  const [body] = await once(response.setEncoding("utf8"), "data");
  return body;
}

describe.each([
  ["the Flight endpoint", grpcServer],
  ["an https listener", httpsServer],
])("at %s", (_, start) => {
  it("a connection that sends nothing is closed at the deadline of its handshake", async () => {
    await closed(await socketTo(await start()));
  });

  it("a handshake cannot be stretched by a byte now and then", async () => {
    const socket = await socketTo(await start());
    socket.write(RECORD_HEAD);
    const dribble = setInterval(() => socket.write(Buffer.alloc(1)), 50);
    onTestFinished(() => clearInterval(dribble));
    await closed(socket);
  });
});

describe("an https listener", () => {
  it("answers an honest client while silent connections take all places, again and again", async () => {
    const port = await httpsServer();
    const silent: Socket[] = [];
    for (let i = 0; i < 3 * HTTP_CONNECTIONS_MAX; i++) {
      silent.push(await socketTo(port));
      expect(await answerOf(port)).toBe("answer");
    }
    expect(silent.some(({ destroyed }) => destroyed)).toBe(true);
  });

  it("does not close a connection with a running call for a new one", async () => {
    const server = openHttpServer(CERTIFICATE, (_, response) => void response.write("begun"));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    onTestFinished(() => {
      server.closeAllConnections();
      server.close();
    });
    const { port } = server.address() as { port: number };
    const request = get({ host: "127.0.0.1", port, ca: CERTIFICATE.cert, agent: false });
    const [response] = await once(request, "response");
    await once(response, "data");
    const silent: Socket[] = [];
    for (let i = 0; i < 2 * HTTP_CONNECTIONS_MAX; i++) silent.push(await socketTo(port));
    await vi.waitFor(() =>
      expect(silent.filter(({ destroyed }) => destroyed).length).toBeGreaterThan(HTTP_CONNECTIONS_MAX),
    );
    expect(response.destroyed).toBe(false);
    request.on("error", () => undefined).destroy();
  });
});
