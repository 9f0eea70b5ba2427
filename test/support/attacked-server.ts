/**
 * A gRPC server in a process of its own, to be attacked.
 *
 * Started by attack.ts with an IPC channel: it sends its port, and its state whenever it is asked. A crash is then a
 * crash of this process and not of the test.
 */
import { GrpcServer } from "../../src/grpc/server.ts";
import { selfSignedCertificate } from "./certificate.ts";
import { echoMethods } from "./echo-methods.ts";

export interface ServerState {
  readonly openCalls: number;
  readonly sessions: number;
  /** Handlers that were started since the beginning. */
  readonly started: number;
  readonly rssBytes: number;
}

let started = 0;
const methods = new Map(
  echoMethods().map(([path, handler]) => [
    path,
    (call: Parameters<typeof handler>[0]) => {
      started++;
      return handler(call);
    },
  ]),
);

const plain = new GrpcServer({ methods });
const secure = new GrpcServer({ methods, tls: selfSignedCertificate() });
const ports = { plain: 0, secure: 0 };
ports.plain = (await plain.listen("127.0.0.1", 0)).port;
ports.secure = (await secure.listen("127.0.0.1", 0)).port;

process.on("message", () => {
  process.send?.({
    openCalls: plain.openCalls + secure.openCalls,
    sessions: plain.sessions + secure.sessions,
    started,
    rssBytes: process.memoryUsage.rss(),
  } satisfies ServerState);
});
process.send?.(ports);
