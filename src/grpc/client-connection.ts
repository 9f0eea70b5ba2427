/**
 * One connection of a client, from its first call until it closes.
 *
 * Calls may be opened while it is still connecting. Without open calls it does not keep the process
 * alive, so a program that forgets to close its client can exit. TLS is verified against `ca` or
 * the system's roots; verification cannot be turned off.
 */
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  type OutgoingHttpHeaders,
  type SecureClientSessionOptions,
} from "node:http2";
import type { Socket } from "node:net";
import { setImmediate } from "node:timers/promises";
import { CacheError } from "../errors.ts";
import { LIMITS } from "../limits.ts";
import { ClientKeepalive, type KeepaliveOptions } from "./client-keepalive.ts";
import { CLIENT_SESSION_OPTIONS, openSessionWindow } from "./session-options.ts";

/** All in PEM. */
export interface ClientTls {
  /** Trusted certificate authorities; absent: the system's roots. */
  readonly ca?: Buffer;
  /** Both, for a server that requires client certificates. */
  readonly cert?: Buffer;
  readonly key?: Buffer;
}

export interface ConnectionOptions {
  /** Absent: no TLS. */
  readonly tls?: ClientTls | undefined;
  readonly keepalive?: KeepaliveOptions | undefined;
  /** Default LIMITS.connectTimeoutMs. */
  readonly connectTimeoutMs?: number | undefined;
}

export class ClientConnection {
  readonly #session: ClientHttp2Session;
  #socket: Socket | undefined;
  #keepalive: ClientKeepalive | undefined;
  #openStreams = 0;
  #isHeld = true;

  /** @param authority `HOST:PORT`, an IPv6 host in brackets */
  constructor(authority: string, { tls, keepalive = {}, connectTimeoutMs }: ConnectionOptions) {
    const options: SecureClientSessionOptions = { ...CLIENT_SESSION_OPTIONS, ...tls };
    const session = connect(`${tls === undefined ? "http" : "https"}://${authority}`, options);
    this.#session = session;
    const waitMs = connectTimeoutMs ?? LIMITS.connectTimeoutMs;
    const timer = setTimeout(() => {
      const text = `could not connect to ${authority} within ${waitMs} ms`;
      session.destroy(new CacheError("UNREACHABLE", text, { facts: { isSilent: true } }));
    }, waitMs).unref();
    session.once("connect", (_, socket) => {
      clearTimeout(timer);
      // With TLS this is a TLSSocket, which is also a Socket.
      this.#socket = socket as Socket;
      openSessionWindow(session);
      this.#keepalive = new ClientKeepalive(session, this.#socket, keepalive);
      if (this.#isHeld) this.#keepalive.start();
    });
    session.once("close", () => {
      clearTimeout(timer);
      this.#keepalive?.stop();
    });
    // Each call gets the error from its own stream.
    session.on("error", () => undefined);
  }

  /** False if a new call needs a new connection. */
  get isUsable(): boolean {
    return !this.#session.closed && !this.#session.destroyed;
  }

  /** Opens a stream. Aborting `signal` resets it. */
  open(headers: OutgoingHttpHeaders, signal: AbortSignal): ClientHttp2Stream {
    const stream = this.#session.request(headers, { signal });
    this.#openStreams++;
    this.#updateHold();
    stream.once("close", () => {
      this.#openStreams--;
      this.#updateHold();
    });
    return stream;
  }

  /** Called when the server sent headers or data. */
  readonly received = (): void => {
    this.#keepalive?.received();
  };

  /** Keeps the process alive, and watches the server, only while calls are open. */
  #updateHold(): void {
    const isHeld = this.#openStreams > 0;
    if (this.#session.destroyed || isHeld === this.#isHeld) return;
    this.#isHeld = isHeld;
    if (isHeld) {
      this.#session.ref();
      this.#keepalive?.start();
    } else {
      this.#session.unref();
      this.#keepalive?.stop();
    }
  }

  /** Closes the connection. Running calls fail with a lost connection. */
  async close(): Promise<void> {
    const session = this.#session;
    // Not from inside its own frames: Node 20 can then loop forever.
    await setImmediate();
    if (session.destroyed) return;
    await new Promise<void>((resolve) => {
      // A peer that does not read would keep the socket open.
      const timer = setTimeout(() => this.#socket?.destroy(), LIMITS.closeGraceMs);
      session.once("close", () => {
        clearTimeout(timer);
        resolve();
      });
      session.destroy();
    });
  }
}
