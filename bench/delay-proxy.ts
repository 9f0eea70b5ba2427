/**
 * A TCP proxy on the loopback that holds all bytes back for a time, as a network between two places
 * does. It keeps the order of bytes, and does not bound their rate.
 */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

export class DelayProxy {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server) {
    this.#server = server;
  }

  /** @param latencyMs of a request and its answer together */
  static async start(target: string, latencyMs: number): Promise<DelayProxy> {
    const { hostname, port } = new URL(target);
    const server = createServer({ noDelay: true });
    const proxy = new DelayProxy(server);
    server.on("connection", (client) => {
      const store = connect({ host: hostname, port: Number(port), noDelay: true });
      proxy.#pass(client, store, latencyMs / 2);
      proxy.#pass(store, client, latencyMs / 2);
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return proxy;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  stop(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #pass(from: Socket, to: Socket, delayMs: number): void {
    this.#sockets.add(from);
    from.on("data", (bytes) => setTimeout(() => to.writable && to.write(bytes), delayMs));
    from.on("error", () => {});
    from.once("close", () => {
      this.#sockets.delete(from);
      setTimeout(() => to.destroy(), delayMs);
    });
  }
}
