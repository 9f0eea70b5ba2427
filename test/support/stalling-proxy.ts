/**
 * A TCP proxy in front of a server that stops passing bytes on after so many: a transfer that has begun and does not end.
 */
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";

export interface StallingProxy {
  /** `grpc://127.0.0.1:PORT` */
  readonly endpoint: string;
  /** Resolves when the bytes have passed. */
  readonly stalled: Promise<void>;
  /** As when the server's host goes down with a word. */
  breakConnections(): void;
  [Symbol.asyncDispose](): Promise<void>;
}

/** @param direction of the bytes that are counted */
export async function startProxy(
  endpoint: string,
  bytesMax: number,
  direction: "download" | "upload" = "download",
): Promise<StallingProxy> {
  const { hostname, port } = new URL(endpoint);
  const sockets = new Set<Socket>();
  const passed: { done?: () => void } = {};
  const stalled = new Promise<void>((resolve) => {
    passed.done = resolve;
  });
  let bytes = 0;
  const pass = (from: Socket, to: Socket, isCounted: boolean): void => {
    from.on("data", (chunk: Buffer) => {
      if (isCounted) bytes += chunk.length;
      if (bytes > bytesMax) {
        passed.done?.();
        from.pause();
      } else if (!to.write(chunk)) {
        from.pause();
        to.once("drain", () => from.resume());
      }
    });
  };
  const proxy = createServer((client) => {
    const server = connect(Number(port), hostname);
    for (const socket of [client, server]) {
      sockets.add(socket);
      socket.on("error", () => {});
    }
    client.once("close", () => server.destroy());
    server.once("close", () => client.destroy());
    pass(client, server, direction === "upload");
    pass(server, client, direction === "download");
  });
  proxy.listen(0, "127.0.0.1");
  await once(proxy, "listening");
  const breakConnections = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    endpoint: `grpc://127.0.0.1:${(proxy.address() as { port: number }).port}`,
    stalled,
    breakConnections,
    async [Symbol.asyncDispose]() {
      breakConnections();
      proxy.close();
      await once(proxy, "close");
    },
  };
}
