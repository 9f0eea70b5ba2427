/**
 * Connections in a TLS handshake, each with a deadline.
 *
 * A TLS socket does not expose its raw socket, so both are matched by their addresses. The timeout
 * of node:tls starts again with each byte; the deadline here does not, so a client cannot stretch a
 * handshake.
 */
import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import { LIMITS } from "../limits.ts";
import { type Log, logFor } from "../log.ts";
import type { Accepted } from "./accepted-connections.ts";
import { formatPeer } from "./peer-address.ts";

const grpcLog = logFor("grpc");

interface Handshake {
  readonly accepted: Accepted;
  readonly deadline: NodeJS.Timeout;
}

export class TlsHandshakes {
  readonly #handshakes = new Map<string, Handshake>();
  readonly #log: Log;

  constructor(log: Log = grpcLog) {
    this.#log = log;
  }

  begin(accepted: Accepted): void {
    const { socket } = accepted;
    const name = addressesOf(socket);
    const deadline = setTimeout(() => {
      const reason = "the TLS handshake timed out";
      this.#log.debug("connection closed", { reason, peer: formatPeer(socket) });
      socket.destroy();
    }, LIMITS.tlsHandshakeTimeoutMs).unref();
    this.#handshakes.set(name, { accepted, deadline });
    socket.once("close", () => this.#end(name));
  }

  /** @returns the connection of a TLS socket whose handshake is over; undefined if it has closed. */
  end(socket: TLSSocket): Accepted | undefined {
    return this.#end(addressesOf(socket));
  }

  #end(name: string): Accepted | undefined {
    const handshake = this.#handshakes.get(name);
    clearTimeout(handshake?.deadline);
    this.#handshakes.delete(name);
    return handshake?.accepted;
  }
}

function addressesOf({ remoteAddress, remotePort, localAddress, localPort }: Socket): string {
  return `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`;
}
