/**
 * A gRPC server and clients for one test.
 *
 * Both end with the test, and the server is then asked whether anything leaked: no call and no session may be left.
 */
import type { EventEmitter } from "node:events";
import { type ClientHttp2Session, type ClientSessionOptions, connect } from "node:http2";
import { expect, onTestFinished, vi } from "vitest";
import type { CallHandler } from "../../src/grpc/call.ts";
import { GrpcClient } from "../../src/grpc/client.ts";
import { GrpcServer, type GrpcServerOptions } from "../../src/grpc/server.ts";
import type { OpenTransport } from "../../src/grpc/server-transport.ts";
import { ThreadedTransport } from "../../src/relay/threaded-transport.ts";
import { echoMethods } from "./echo-methods.ts";
import { SERVING_THREADS } from "./serving-threads.ts";

export interface Served {
  readonly server: GrpcServer;
  readonly port: number;
}

/** Serves the echo methods and `methods`, by path, on a free port. */
export async function serve(
  methods: Readonly<Record<string, CallHandler>> = {},
  options: Omit<GrpcServerOptions, "methods"> = {},
): Promise<Served> {
  // Each test starts a server: two threads show what four would.
  const threaded: OpenTransport = (listener, memory) =>
    new ThreadedTransport(listener, { threads: 2, memory, tls: options.tls });
  const server = new GrpcServer({
    ...options,
    ...(SERVING_THREADS > 1 && { openTransport: threaded }),
    methods: new Map([...echoMethods(), ...Object.entries(methods)]),
  });
  const { port } = await server.listen("127.0.0.1", 0);
  onTestFinished(async () => {
    await vi.waitFor(() => expect(server.openCalls).toBe(0), { timeout: 5000 });
    await server.close();
    expect(server.sessions).toBe(0);
  });
  return { server, port };
}

export function clientOf({ port }: { readonly port: number }, tls?: { readonly ca: Buffer }): GrpcClient {
  const client = new GrpcClient({ host: "127.0.0.1", port, ...(tls === undefined ? {} : { tls }) });
  onTestFinished(async () => {
    await client.close();
    expect(client.openCalls).toBe(0);
  });
  return client;
}

/** Resolves when a socket, stream or session is closed, whatever error came before. */
export function closed(emitter: EventEmitter): Promise<void> {
  return new Promise((resolve) => void emitter.once("close", () => resolve()));
}

/** An HTTP/2 connection that knows nothing of gRPC. */
export function http2Of(
  { port }: Pick<Served, "port">,
  options: ClientSessionOptions = {},
): ClientHttp2Session {
  const session = connect(`http://127.0.0.1:${port}`, options);
  session.on("error", () => undefined);
  onTestFinished(() => session.destroy());
  return session;
}
