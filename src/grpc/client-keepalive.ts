/**
 * Watches a client's connection while calls are open, so that a server that vanished is noticed without waiting for TCP.
 *
 * A server that was silent for an interval gets a PING and has to say something, whatever it is, in time; else the
 * connection is over for all its calls. Nothing is sent while bytes come, nor while no call is open.
 * Most gRPC servers count PINGs that come without data of their own in between ("ping strikes"), forgive two, and close the
 * connection at the next: after a burst the PINGs are minutes apart, and TCP's own keepalive watches the host alone. A PING that
 * comes five minutes after the last good one is good. grpc-java counts these minutes from the start of the connection, also
 * after it has sent data, so that a young connection has the two forgiven ones only.
 * A blocked event loop is not a silent server: what lies in the socket is read before anybody is judged.
 * Source: grpc/doc/keepalive.md; the strikes in gRFC A8 and A18; KeepAliveEnforcer of grpc-java.
 */
import type { ClientHttp2Session } from "node:http2";
import type { Socket } from "node:net";
import { CacheError } from "../errors.ts";
import { LIMITS } from "../limits.ts";

export interface KeepaliveOptions {
  /** Silence after which the server is asked, milliseconds; default LIMITS.clientKeepaliveIntervalMs. */
  readonly intervalMs?: number;
  /** What the answer may take, milliseconds; default LIMITS.clientKeepaliveTimeoutMs. Raise it for slow lines. */
  readonly timeoutMs?: number;
  /**
   * How often in a row is asked quickly, once more on a connection of some minutes; default LIMITS.clientKeepaliveBurstMax.
   * Infinity is right for a server that counts no ping strikes, such as the cache.
   */
  readonly burstMax?: number;
}

export class ClientKeepalive {
  readonly #session: ClientHttp2Session;
  readonly #socket: Socket;
  readonly #intervalMs: number;
  readonly #timeoutMs: number;
  readonly #burstMax: number;
  #timer: NodeJS.Timeout | undefined;
  #bytesReadBefore = 0;
  /** PINGs since the last data of the server. */
  #pings = 0;
  /** True while one of them has no answer. */
  #isAsking = false;
  readonly #connectedAt = performance.now();
  #lastPingAt = 0;

  /** @param session connected, and `socket` is its own */
  constructor(session: ClientHttp2Session, socket: Socket, options: KeepaliveOptions) {
    this.#session = session;
    this.#socket = socket;
    this.#intervalMs = options.intervalMs ?? LIMITS.clientKeepaliveIntervalMs;
    this.#timeoutMs = options.timeoutMs ?? LIMITS.clientKeepaliveTimeoutMs;
    this.#burstMax = options.burstMax ?? LIMITS.clientKeepaliveBurstMax;
    socket.setKeepAlive(true, this.#intervalMs);
  }

  /** From now on the server is watched. */
  start(): void {
    if (this.#timer !== undefined) return;
    this.#hasRead();
    this.#wait();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** The server sent headers or data: it forgets the PINGs it counted, but not one that it meets only now. */
  heard(): void {
    this.#pings = this.#isAsking ? 1 : 0;
  }

  #wait(waitMs = this.#intervalMs): void {
    this.#arm(waitMs, () => {
      if (this.#hasRead() || !this.#mayAsk()) this.#wait();
      else this.#ask();
    });
  }

  #mayAsk(): boolean {
    const now = performance.now();
    const isOld = now - this.#connectedAt >= LIMITS.clientKeepaliveSlowIntervalMs;
    return (
      this.#pings < this.#burstMax + (isOld ? 1 : 0) ||
      now - this.#lastPingAt >= LIMITS.clientKeepaliveSlowIntervalMs
    );
  }

  #ask(): void {
    this.#pings++;
    this.#isAsking = true;
    this.#lastPingAt = performance.now();
    this.#awaitAnswer();
    const waiting = this.#timer;
    this.#session.ping((error) => {
      this.#isAsking = false;
      if (error !== null || this.#timer !== waiting) return;
      this.#hasRead();
      // Alive a moment ago: the burst lasts longer when it is not spent at once.
      this.#wait(2 * this.#intervalMs);
    });
  }

  #awaitAnswer(): void {
    const due = performance.now() + this.#timeoutMs;
    this.#arm(this.#timeoutMs, () => {
      if (this.#hasRead()) this.#wait();
      else if (performance.now() > due + this.#intervalMs) this.#awaitAnswer();
      else this.#giveUp();
    });
  }

  #giveUp(): void {
    this.stop();
    const facts = { isSilent: true };
    this.#session.destroy(new CacheError("UNREACHABLE", "the server does not answer any more", { facts }));
    // What was written and cannot leave would hold the socket for minutes.
    this.#socket.destroy();
  }

  /** Runs `check` after the wait, and after the reading of what came until then. */
  #arm(waitMs: number, check: () => void): void {
    clearTimeout(this.#timer);
    const timer = setTimeout(() => {
      setImmediate(() => {
        if (this.#timer === timer && !this.#session.destroyed) check();
      });
    }, waitMs).unref();
    this.#timer = timer;
  }

  /** True when bytes have come since the last time this was asked. */
  #hasRead(): boolean {
    const { bytesRead } = this.#socket;
    const hasRead = bytesRead !== this.#bytesReadBefore;
    this.#bytesReadBefore = bytesRead;
    return hasRead;
  }
}
