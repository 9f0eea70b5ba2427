/**
 * The same server over TLS.
 *
 * Calls, bulk, the limits on what is not HTTP/2, and an orderly end.
 */
import { once } from "node:events";
import { connect as connectTcp } from "node:net";
import { connect as connectTls } from "node:tls";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { GrpcClient } from "../../../src/grpc/client.ts";
import { selfSignedCertificate } from "../../support/certificate.ts";
import { clientOf, closed, serve } from "../../support/grpc-peers.ts";

const CERTIFICATE = selfSignedCertificate();
const TLS = { tls: CERTIFICATE };
const CA = { ca: CERTIFICATE.cert };
const REQUEST = Buffer.from("request");

describe("a server with TLS", () => {
  it("answers calls, small and large", async () => {
    const client = clientOf(await serve({}, TLS), CA);
    const large = Buffer.alloc(20 * 1024 * 1024, "abc");
    expect(await client.unary("/test.Echo/Unary", REQUEST)).toEqual(REQUEST);
    expect(large.equals(await client.unary("/test.Echo/Unary", large))).toBe(true);
  });

  it("takes connections on several addresses and tells its peers apart", async () => {
    const peers = new Set<string>();
    const served = await serve(
      {
        "/test.Echo/Peer": async (call) =>
          void (await call.write([Buffer.from([peers.add(call.peer).size])])),
      },
      TLS,
    );
    const second = await served.server.listen("127.0.0.1", 0);
    await clientOf(served, CA).unary("/test.Echo/Peer", REQUEST);
    const answer = await clientOf({ ...served, port: second.port }, CA).unary("/test.Echo/Peer", REQUEST);
    expect(answer).toEqual(Buffer.from([2]));
  });

  it("is not trusted by a client that does not know its certificate", async () => {
    const { port } = await serve({}, TLS);
    const client = new GrpcClient({ host: "127.0.0.1", port, tls: {} });
    onTestFinished(() => client.close());
    await expect(client.unary("/test.Echo/Unary", REQUEST)).rejects.toMatchObject({ status: "UNAVAILABLE" });
  });

  it.each([["http/1.1"], undefined])(
    "closes a connection that asks for %s and not for h2",
    async (protocols) => {
      const { server, port } = await serve({}, TLS);
      const socket = connectTls({
        port,
        host: "127.0.0.1",
        ...CA,
        ...(protocols && { ALPNProtocols: protocols }),
      });
      socket.on("error", () => undefined);
      socket.resume();
      await closed(socket);
      await vi.waitFor(() => expect(server.sessions).toBe(0));
    },
  );

  it("survives a client that does not speak TLS", async () => {
    const served = await serve({}, TLS);
    const socket = connectTcp(served.port, "127.0.0.1");
    socket.on("error", () => undefined);
    socket.resume();
    socket.write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    await closed(socket);
    expect(await clientOf(served, CA).unary("/test.Echo/Unary", REQUEST)).toEqual(REQUEST);
  });

  it("closes while a client is in the middle of its handshake", async () => {
    const { server, port } = await serve({}, TLS);
    const socket = connectTcp(port, "127.0.0.1");
    socket.on("error", () => undefined);
    await once(socket, "connect");
    const gone = closed(socket.resume());
    await server.close();
    await gone;
  });

  it("closes with an idle client and forgets it", async () => {
    const { server, port } = await serve({}, TLS);
    await clientOf({ port }, CA).unary("/test.Echo/Unary", REQUEST);
    expect(server.sessions).toBe(1);
    await server.close();
    await vi.waitFor(() => expect(server.sessions).toBe(0));
  });
});
