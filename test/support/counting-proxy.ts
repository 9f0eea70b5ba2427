/**
 * A TCP proxy on a free port of the loopback between a client and a server: counts what the server sends, cuts connections,
 * turns them away, and can be pointed at another server.
 */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

export class CountingProxy {
  /** `grpc://127.0.0.1:PORT` */
  endpoint = "";
  /** From the server to clients, so far. */
  receivedBytes = 0;
  /** Made so far. */
  connections = 0;
  /** So many of the next connections are cut as soon as they are made. */
  refusals = 0;
  #target: { host: string; port: number };
  readonly #sockets = new Set<Socket>();
  readonly #server = createServer((socket) => this.#serve(socket));

  private constructor(target: string) {
    this.#target = addressOf(target);
  }

  /** @param target endpoint of the server */
  static async start(target: string): Promise<CountingProxy> {
    const proxy = new CountingProxy(target);
    proxy.#server.listen(0, "127.0.0.1");
    await once(proxy.#server, "listening");
    proxy.endpoint = `grpc://127.0.0.1:${(proxy.#server.address() as AddressInfo).port}`;
    return proxy;
  }

  /** New connections go to another server; those there are end. */
  async pointAt(target: string): Promise<void> {
    this.#target = addressOf(target);
    await this.cut();
  }

  /** Ends all connections, and waits until the sockets are closed here. */
  async cut(): Promise<void> {
    const closed = [...this.#sockets].map((socket) => once(socket, "close"));
    for (const socket of this.#sockets) socket.destroy();
    await Promise.all(closed);
  }

  async stop(): Promise<void> {
    this.#server.close();
    await this.cut();
  }

  #serve(client: Socket): void {
    this.connections += 1;
    this.#watch(client);
    if (this.refusals > 0) {
      this.refusals -= 1;
      client.destroy();
      return;
    }
    const server = connect(this.#target);
    this.#watch(server);
    server.on("data", (chunk: Buffer) => {
      this.receivedBytes += chunk.length;
    });
    client.pipe(server).pipe(client);
    client.once("close", () => server.destroy());
    server.once("close", () => client.destroy());
  }

  #watch(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once("close", () => this.#sockets.delete(socket));
    socket.on("error", () => undefined);
  }
}

function addressOf(endpoint: string): { host: string; port: number } {
  const { hostname, port } = new URL(endpoint);
  return { host: hostname, port: Number(port) };
}
