/**
 * Connections and bytes of the HTTP listeners.
 *
 * The bytes are those of the sockets, with headers. They are read when somebody asks and when a
 * connection closes, so that a request costs nothing.
 */
import type { Server } from "node:http";
import type { Socket } from "node:net";

export class HttpTraffic {
  readonly #open = new Set<Socket>();
  /** Of closed connections. */
  #receivedBytes = 0;
  #sentBytes = 0;
  /** Connections that were closed at once because the limit was reached, since the start. */
  refusedConnections = 0;

  watch(server: Server): void {
    server.on("drop", () => {
      this.refusedConnections += 1;
    });
    server.on("connection", (socket) => {
      this.#open.add(socket);
      socket.once("close", () => {
        this.#open.delete(socket);
        this.#receivedBytes += socket.bytesRead;
        this.#sentBytes += socket.bytesWritten;
      });
    });
  }

  get connections(): number {
    return this.#open.size;
  }

  /** Since the start, open connections included. */
  get bytes(): { readonly receivedBytes: number; readonly sentBytes: number } {
    let [receivedBytes, sentBytes] = [this.#receivedBytes, this.#sentBytes];
    for (const socket of this.#open) {
      receivedBytes += socket.bytesRead;
      sentBytes += socket.bytesWritten;
    }
    return { receivedBytes, sentBytes };
  }
}
